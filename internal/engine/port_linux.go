package engine

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Port is a TCP port of 127.0.0.1 that the system chose and that nobody else gets until Release: not another
// listener on a port of the system's choice, and no outgoing connection. A broker can listen on it meanwhile, as
// often as it likes: Linux lets a socket bind a port that is bound already as long as both sockets set SO_REUSEADDR,
// which Java and Go do, and neither listens yet.
type Port struct {
	// Number is the port.
	Number int
	socket int
}

// ReservePort reserves a port.
func ReservePort() (*Port, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	number, err := bindAny(socket)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reserve a port: %w", err), unix.Close(socket))
	}
	return &Port{Number: number, socket: socket}, nil
}

// bindAny binds before it allows the address to be used again: the other way round the system could choose a port
// that somebody else has reserved in this way.
func bindAny(socket int) (int, error) {
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	address, err := unix.Getsockname(socket)
	if err != nil {
		return 0, err
	}
	return address.(*unix.SockaddrInet4).Port, nil
}

// Address is the port with its host, as in 127.0.0.1:9092.
func (p *Port) Address() string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(p.Number)) }

// Release gives the port back. It may be called once.
func (p *Port) Release() error { return unix.Close(p.socket) }

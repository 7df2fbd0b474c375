//go:build unix && !linux

package engine

import (
	"fmt"
	"net"
)

// Port is a TCP port of 127.0.0.1 that was free when it was chosen. Unlike on Linux nothing keeps others away from it.
type Port struct {
	// Number is the port.
	Number int
}

// ReservePort chooses a port.
func ReservePort() (*Port, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	return &Port{Number: listener.Addr().(*net.TCPAddr).Port}, listener.Close()
}

// Address is the port with its host, as in 127.0.0.1:9092.
func (p *Port) Address() string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(p.Number)) }

// Release gives the port back.
func (p *Port) Release() error { return nil }

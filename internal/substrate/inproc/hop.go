package inproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
)

// hop is the way from a cluster's balancers to one gateway. Its connections begin with a header of the PROXY protocol,
// so that the gateway sees the clients' addresses, and are pairs of sockets without a name: nobody outside of this
// process can send such a header. They are sockets because the system copies between those without memory of ours.
type hop struct{ *rendezvous }

func newHop(a address) hop { return hop{newRendezvous(a)} }

// headerTimeout bounds how long a balancer takes to write a header, which it does at once.
const headerTimeout = 10 * time.Second

// listener is the gateway's end.
func (h hop) listener() net.Listener { return proxyprotocol.NewListener(h.rendezvous, headerTimeout) }

// dial connects a balancer to the gateway.
func (h hop) dial(ctx context.Context) (net.Conn, error) {
	balancer, gateway, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.address, err)
	}
	if err := h.hand(ctx, gateway); err != nil {
		balancer.Close()
		return nil, err
	}
	return balancer, nil
}

// headerOf is what a balancer sends before a client's bytes.
func headerOf(client net.Conn) []byte { return proxyprotocol.Between(client).Append(nil) }

// socketPair returns both ends of a connection that has no address.
func socketPair() (a, b net.Conn, err error) {
	syscall.ForkLock.RLock() // no child process may inherit them
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	a, errA := connOf(pair[0])
	b, errB := connOf(pair[1])
	if err := errors.Join(errA, errB); err != nil {
		for _, conn := range []net.Conn{a, b} {
			if conn != nil {
				conn.Close()
			}
		}
		return nil, nil, err
	}
	return a, b, nil
}

// connOf makes a connection of a socket, which it takes.
func connOf(socket int) (net.Conn, error) {
	file := os.NewFile(uintptr(socket), "hop")
	defer file.Close() // the connection has one of its own
	return net.FileConn(file)
}

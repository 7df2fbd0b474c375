package inproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// doors are the listeners of the nodes; kfake replaces one through listen while the engine is locked.
type doors struct {
	mu        sync.Mutex
	listeners map[int32]*listener
	open      map[int32]bool
}

func brokerAddress(node int32) string { return fmt.Sprintf("broker-%d:%d", node, basePort+node) }

// listen is kfake's way to get a listener; the port in the address tells the node.
func (d *doors) listen(_, where string) (net.Listener, error) {
	_, text, err := net.SplitHostPort(where)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	node := int32(port - basePort)
	l := newListener(address(brokerAddress(node)))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listeners[node] = l
	return l, nil
}

func (d *doors) set(node int32, open bool) {
	d.mu.Lock()
	d.open[node] = open
	l := d.listeners[node]
	d.mu.Unlock()
	if !open && l != nil {
		l.cut()
	}
}

func (d *doors) dial(ctx context.Context, node int32) (net.Conn, error) {
	d.mu.Lock()
	l, open := d.listeners[node], d.open[node]
	d.mu.Unlock()
	if l == nil || !open {
		return nil, refused(node, errStopped)
	}
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, refused(node, err)
	}
	return conn, nil
}

var errStopped = errors.New("the broker is stopped")

// refused is the error that clients know from a socket, so that they try another broker.
func refused(node int32, err error) error {
	return &net.OpError{Op: "dial", Net: "memory", Addr: address(brokerAddress(node)), Err: err}
}

// dialAddress is dial for an address as the engine advertises it.
func (d *doors) dialAddress(ctx context.Context, _, where string) (net.Conn, error) {
	_, text, err := net.SplitHostPort(where)
	if err != nil {
		return nil, fmt.Errorf("%q is not the address of a broker: %w", where, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < basePort || where != brokerAddress(int32(port-basePort)) {
		return nil, fmt.Errorf("%q is not the address of a broker", where)
	}
	return d.dial(ctx, int32(port-basePort))
}

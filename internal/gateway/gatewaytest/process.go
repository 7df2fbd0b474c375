package gatewaytest

import (
	"context"
	"net"

	"github.com/orrery-kafka/orrery/internal/gateway"
)

// Process is a gateway that runs, without Kafka REST, as a substrate wants to have it.
type Process struct {
	*gateway.Gateway
	done chan struct{}
	err  error // of Run; valid once done is closed
}

// Run starts a gateway, which ends with ctx or by Close.
func Run(ctx context.Context, config gateway.Config) (*Process, error) {
	g, err := gateway.New(config)
	if err != nil {
		return nil, err
	}
	p := &Process{Gateway: g, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = g.Run(ctx)
	}()
	return p, nil
}

// Done is closed when the gateway has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ServeREST accepts nobody until the gateway has ended.
func (p *Process) ServeREST(l net.Listener) error {
	<-p.done
	l.Close()
	return net.ErrClosed
}

// Close ends the gateway and returns why it ended, if it did so by itself.
func (p *Process) Close() error {
	p.Gateway.Close()
	<-p.done
	return p.err
}

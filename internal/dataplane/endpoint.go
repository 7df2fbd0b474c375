package dataplane

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/kafkarest"
)

// Endpoint is a gateway with both of its faces: the Kafka protocol and Kafka REST.
type Endpoint struct {
	*gateway.Gateway
	tls     *tls.Config
	handler *kafkarest.Handler
	rest    *http.Server
	done    chan struct{}
	err     error // of Run; valid once done is closed
	closing sync.Once
}

// Start starts a gateway, which runs until Close or the end of ctx. The config's Logger is required.
func Start(ctx context.Context, config gateway.Config) (*Endpoint, error) {
	g, err := gateway.New(config)
	if err != nil {
		return nil, err
	}
	handler := kafkarest.New(kafkarest.Config{Gateway: g, Logger: config.Logger})
	e := &Endpoint{
		Gateway: g,
		tls:     config.TLS.Clone(),
		handler: handler,
		rest: &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
			ErrorLog: slog.NewLogLogger(config.Logger.Handler(), slog.LevelDebug),
		},
		done: make(chan struct{}),
	}
	e.tls.NextProtos = []string{"h2", "http/1.1"}
	go func() {
		defer close(e.done)
		e.err = g.Run(ctx)
	}()
	return e, nil
}

// Done is closed when the gateway has ended.
func (e *Endpoint) Done() <-chan struct{} { return e.done }

// ServeREST serves Kafka REST with TLS until the listener or the gateway closes.
func (e *Endpoint) ServeREST(l net.Listener) error {
	return e.rest.Serve(tls.NewListener(l, e.tls))
}

// Close ends every connection, gives the lease up and returns why the gateway ended, if it did so by itself.
func (e *Endpoint) Close() error {
	var err error
	e.closing.Do(func() { err = errors.Join(e.rest.Close(), e.handler.Close(), e.Gateway.Close()) })
	<-e.done
	return errors.Join(err, e.err)
}

// Command gateway runs one gateway beside one broker, and nothing else, as the benchmark of speed wants to have it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

func main() {
	if err := run(job.Parent()); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(parent *job.Channel) error {
	var front job.Front
	if err := parent.Receive(&front); err != nil {
		return err
	}
	config, err := front.TLSConfig()
	if err != nil {
		return err
	}
	dialer := new(net.Dialer)
	dialBroker := func(ctx context.Context, _ int32) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", front.Broker)
	}
	g, err := gateway.New(gateway.Config{
		PhysicalClusterID: front.PhysicalClusterID, TLS: config, DialBroker: gateway.Login(front.Tenants).DialBroker(dialBroker),
		Control: gateway.Control{Seeds: []string{front.Broker}, Dial: gateway.Login(front.Control).Dial(dialer.DialContext)},
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	defer g.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- g.Run(context.Background()) }()
	go func() { ended <- g.Serve(listener) }()
	select {
	case <-g.Ready():
	case err := <-ended:
		return errors.Join(errors.New("it did not become ready"), err)
	}
	if err := parent.Send(job.Serving{Address: listener.Addr().String()}); err != nil {
		return err
	}
	go func() { ended <- parent.AwaitEnd() }()
	return <-ended
}

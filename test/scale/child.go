package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

// childArgument makes of this program a gateway: it reads an order and then questions from standard input, and writes
// serving and then answers to standard output, as JSON. It ends with its input.
const childArgument = "gateway"

func isChild() bool { return len(os.Args) == 2 && os.Args[1] == childArgument }

// order is what a gateway is told.
type order struct {
	Chain, Key []byte // PEM
	// Broker is the address of its broker, which wants the logins unless it is the embedded engine.
	Broker           string
	Embedded         bool
	Tenants, Control job.Login
}

// serving is a gateway's word that it accepts clients.
type serving struct {
	Address string
	// Ready is how long it took to read the state, from the start of main, and CPU what that cost the process.
	Ready, CPU time.Duration
}

// question asks a gateway what it uses; Settled, after it has collected its garbage and given memory back.
type question struct{ Settled bool }

// usage is what a gateway's process uses.
type usage struct {
	Goroutines, Files int
	Heap, Resident    int64 // bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, heap %s, resident %s", u.Goroutines, u.Files, megabytes(u.Heap), megabytes(u.Resident))
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

func serveGateway() error {
	began := time.Now()
	parent := job.Parent()
	var o order
	if err := parent.Receive(&o); err != nil {
		return err
	}
	config, err := o.config()
	if err != nil {
		return err
	}
	g, err := gateway.New(config)
	if err != nil {
		return err
	}
	defer g.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ended := make(chan error, 3)
	go func() { ended <- g.Run(context.Background()) }()
	go func() { ended <- g.Serve(listener) }()
	select {
	case <-g.Ready():
	case err := <-ended:
		return errors.Join(errors.New("it did not become ready"), err)
	}
	ready := time.Since(began)
	var cost syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &cost); err != nil {
		return err
	}
	cpu := time.Duration(cost.Utime.Nano() + cost.Stime.Nano())
	if err := parent.Send(serving{listener.Addr().String(), ready, cpu}); err != nil {
		return err
	}
	go func() { ended <- answer(parent) }()
	return <-ended
}

// answer tells what the process uses until nobody asks any more.
func answer(parent *job.Channel) error {
	for {
		var q question
		switch err := parent.Receive(&q); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if q.Settled {
			debug.FreeOSMemory()
		}
		u, err := used()
		if err != nil {
			return err
		}
		if err := parent.Send(u); err != nil {
			return err
		}
	}
}

func used() (usage, error) {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return usage{}, err
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return usage{}, err
	}
	var size, resident int64
	if _, err := fmt.Fscan(strings.NewReader(string(statm)), &size, &resident); err != nil {
		return usage{}, err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return usage{runtime.NumGoroutine(), len(files), int64(memory.HeapInuse), resident * int64(os.Getpagesize())}, nil
}

// config is that of a gateway at the broker 0.
func (o order) config() (gateway.Config, error) {
	pair, err := tls.X509KeyPair(o.Chain, o.Key)
	if err != nil {
		return gateway.Config{}, err
	}
	var reloader pki.Reloader
	reloader.Swap(pki.Certificate{TLS: pair})
	dialer := new(net.Dialer)
	config := gateway.Config{
		PhysicalClusterID: physicalCluster, TLS: reloader.ServerConfig(), EmbeddedEngine: o.Embedded,
		DialBroker: func(ctx context.Context, _ int32) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", o.Broker) },
		Control:    gateway.Control{Seeds: []string{o.Broker}},
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	if o.Embedded {
		config.Topics = gateway.NewTopicVersions()
		return config, nil
	}
	config.DialBroker = gateway.Login(o.Tenants).DialBroker(config.DialBroker)
	config.Control.Dial = gateway.Login(o.Control).Dial(dialer.DialContext)
	return config, nil
}

// child is a gateway that runs.
type child struct {
	command *exec.Cmd
	input   io.Closer
	channel *job.Channel
	serving
}

func startChild(ctx context.Context, o order) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{command: exec.CommandContext(ctx, program, childArgument)}
	c.command.Stderr = os.Stderr
	input, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	c.input, c.channel = input, job.NewChannel(output, input)
	err = c.channel.Send(o)
	if err == nil {
		err = c.channel.Receive(&c.serving)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting a gateway: %w", err), c.end())
	}
	return c, nil
}

func (c *child) usage(settled bool) (u usage, err error) {
	if err := c.channel.Send(question{settled}); err != nil {
		return usage{}, err
	}
	return u, c.channel.Receive(&u)
}

func (c *child) end() error {
	if err := errors.Join(c.input.Close(), c.command.Wait()); err != nil {
		return fmt.Errorf("end of the gateway: %w", err)
	}
	return nil
}

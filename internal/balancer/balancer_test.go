package balancer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/balancer"
	"github.com/orrery-kafka/orrery/internal/poll"
)

const patience = time.Minute

// server is a TCP server with a handler for each connection.
type server struct {
	net.Listener
	accepted atomic.Int64
	healthy  atomic.Bool
	running  sync.WaitGroup
}

func serve(t *testing.T, handle func(*net.TCPConn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l}
	s.healthy.Store(true)
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			s.running.Add(1)
			go func() {
				defer s.running.Done()
				defer c.Close()
				handle(c.(*net.TCPConn))
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); s.running.Wait() })
	return s
}

func (s *server) backend(name string) balancer.Backend {
	return balancer.Backend{
		Name: name,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Addr().String())
		},
		Healthy: s.healthy.Load,
	}
}

func start(t *testing.T, limits balancer.Limits, backends ...balancer.Backend) (*balancer.Balancer, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := balancer.New(balancer.Config{Backends: func() []balancer.Backend { return backends }, Limits: limits})
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		b.Close()
		if err := <-served; !errors.Is(err, balancer.ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
		if n := b.Connections(); n != 0 {
			t.Errorf("%d connections are left after Close", n)
		}
	})
	return b, l.Addr().String()
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func ask(t *testing.T, address string) (string, error) {
	t.Helper()
	c := dial(t, address)
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestConnectionsSpreadOverHealthyBackends(t *testing.T) {
	var servers []*server
	var backends []balancer.Backend
	for _, name := range []string{"a", "b", "c"} {
		s := serve(t, func(c *net.TCPConn) { io.WriteString(c, name) })
		servers = append(servers, s)
		backends = append(backends, s.backend(name))
	}
	_, address := start(t, balancer.Limits{}, backends...)
	count := map[string]int{}
	for range 300 {
		got, err := ask(t, address)
		if err != nil {
			t.Fatal(err)
		}
		count[got]++
	}
	for _, name := range []string{"a", "b", "c"} {
		if count[name] < 50 { // 100 expected; 50 is more than 6 standard deviations away
			t.Errorf("the spread is %v", count)
		}
	}
	servers[1].healthy.Store(false)
	before := servers[1].accepted.Load()
	for range 50 {
		if got, err := ask(t, address); err != nil || got == "b" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if after := servers[1].accepted.Load(); after != before {
		t.Error("an unhealthy backend was dialled")
	}
}

func TestAnotherBackendIsTriedOnFailure(t *testing.T) {
	good := serve(t, func(c *net.TCPConn) { io.WriteString(c, "good") })
	dead := serve(t, func(*net.TCPConn) {})
	dead.Close()
	_, address := start(t, balancer.Limits{}, dead.backend("dead"), good.backend("good"))
	for range 20 {
		if got, err := ask(t, address); err != nil || got != "good" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

func TestNoBackendClosesTheConnection(t *testing.T) {
	dead := serve(t, func(*net.TCPConn) {})
	dead.Close()
	sick := serve(t, func(*net.TCPConn) {})
	sick.healthy.Store(false)
	for name, backends := range map[string][]balancer.Backend{
		"none": nil, "unhealthy": {sick.backend("sick")}, "dead": {dead.backend("dead")},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := start(t, balancer.Limits{}, backends...)
			if got, _ := ask(t, address); got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	var dials atomic.Int64
	var backends []balancer.Backend
	for range 10 {
		backends = append(backends, balancer.Backend{
			Name: "x", Healthy: func() bool { return true },
			Dial: func(context.Context) (net.Conn, error) { dials.Add(1); return nil, errors.New("refused") },
		})
	}
	_, address := start(t, balancer.Limits{Attempts: 4}, backends...)
	ask(t, address)
	if got := dials.Load(); got != 4 {
		t.Errorf("%d dials", got)
	}
}

func TestADialThatHangsIsGivenUp(t *testing.T) {
	hang := balancer.Backend{
		Name: "hang", Healthy: func() bool { return true },
		Dial: func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
	}
	_, address := start(t, balancer.Limits{DialTimeout: 10 * time.Millisecond}, hang)
	if got, err := ask(t, address); got != "" || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v", got, err)
	}
}

// A client that has finished sending still gets the whole answer.
func TestHalfClose(t *testing.T) {
	s := serve(t, func(c *net.TCPConn) {
		b, _ := io.ReadAll(c)
		c.Write(bytes.ToUpper(b))
	})
	_, address := start(t, balancer.Limits{}, s.backend("s"))
	c := dial(t, address)
	io.WriteString(c, "over")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || string(b) != "OVER" {
		t.Errorf("got %q, %v", b, err)
	}
}

// One side that goes away takes the other with it.
func TestBothSidesEndTogether(t *testing.T) {
	ended := make(chan struct{})
	s := serve(t, func(c *net.TCPConn) { io.Copy(io.Discard, c); close(ended) })
	_, address := start(t, balancer.Limits{}, s.backend("s"))
	c := dial(t, address)
	io.WriteString(c, "x")
	c.SetLinger(0)
	c.Close()
	wait(t, ended)

	hangup := serve(t, func(c *net.TCPConn) { c.Read(make([]byte, 1)) })
	_, address = start(t, balancer.Limits{}, hangup.backend("hangup"))
	c = dial(t, address)
	io.WriteString(c, "x")
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the client's connection is still open")
	}
}

func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("it did not happen")
	}
}

// A reader that does not read holds its own connection back and nothing else.
func TestSlowReaderStopsNobodyElse(t *testing.T) {
	payload := strings.Repeat("x", 32<<20)
	s := serve(t, func(c *net.TCPConn) { io.WriteString(c, payload) })
	_, address := start(t, balancer.Limits{}, s.backend("s"))
	slow := dial(t, address)
	if _, err := io.ReadFull(slow, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t, address); err != nil || len(got) != len(payload) {
		t.Errorf("the other reader got %d bytes, %v", len(got), err)
	}
	rest, err := io.ReadAll(slow)
	if err != nil || len(rest) != len(payload)-1 {
		t.Errorf("the slow reader got %d bytes, %v", len(rest), err)
	}
}

func TestConnectionLimit(t *testing.T) {
	s := serve(t, func(c *net.TCPConn) { io.WriteString(c, "hello"); io.Copy(io.Discard, c) })
	b, address := start(t, balancer.Limits{Connections: 2}, s.backend("s"))
	hello := make([]byte, 5)
	first, second := dial(t, address), dial(t, address)
	for _, c := range []net.Conn{first, second} {
		if _, err := io.ReadFull(c, hello); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := ask(t, address); got != "" {
		t.Errorf("a third connection got %q", got)
	}
	first.Close()
	poll.Until(t, "the end of the first connection", func() bool { return b.Connections() == 1 })
	if _, err := io.ReadFull(dial(t, address), hello); err != nil {
		t.Errorf("the slot was not given back: %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	s := serve(t, func(c *net.TCPConn) { io.Copy(c, c) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := balancer.New(balancer.Config{Backends: func() []balancer.Backend { return []balancer.Backend{s.backend("s")} }})
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	var clients []*net.TCPConn
	for range 20 {
		c := dial(t, l.Addr().String())
		io.WriteString(c, "x")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	b.Close()
	if err := <-served; !errors.Is(err, balancer.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	for _, c := range clients {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("a connection survived Close")
		}
	}
	if err := b.Serve(l); !errors.Is(err, balancer.ErrClosed) {
		t.Errorf("Serve after Close returned %v", err)
	}
	s.Close()
	s.running.Wait()
	poll.Success(t, func() error {
		if runtime.NumGoroutine() <= before {
			return nil
		}
		stacks := make([]byte, 1<<16)
		return fmt.Errorf("goroutines leaked:\n%s", stacks[:runtime.Stack(stacks, true)])
	})
}

func TestPreambleComesBeforeTheClientsBytes(t *testing.T) {
	echo := serve(t, func(c *net.TCPConn) { io.Copy(c, c) })
	echo.healthy.Store(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := balancer.New(balancer.Config{
		Backends: func() []balancer.Backend { return []balancer.Backend{echo.backend("echo")} },
		Preamble: func(client net.Conn) []byte { return []byte("from " + client.RemoteAddr().String() + ";") },
	})
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() { b.Close(); <-served })
	c := dial(t, l.Addr().String())
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if want := "from " + c.LocalAddr().String() + ";hello"; string(got) != want || err != nil {
		t.Errorf("the backend read %q, %v; want %q", got, err, want)
	}
}

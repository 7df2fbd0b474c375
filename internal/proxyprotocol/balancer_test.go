package proxyprotocol_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/balancer"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
)

// A client behind our own balancer is seen with its own address.
func TestThroughOurBalancer(t *testing.T) {
	back, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 2)
	go func() { // the backend answers with whom it sees, and what they sent
		for {
			raw, err := back.Accept()
			if err != nil {
				served <- nil
				return
			}
			conn, err := proxyprotocol.Receive(raw, loopback, patience)
			if err != nil {
				raw.Close()
				served <- err
				return
			}
			io.WriteString(conn, conn.RemoteAddr().String()+" to "+conn.LocalAddr().String()+": ")
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	b := balancer.New(balancer.Config{
		Backends: func() []balancer.Backend {
			return []balancer.Backend{{
				Name: "gateway",
				Dial: func(ctx context.Context) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", back.Addr().String())
				},
				Healthy: func() bool { return true },
			}}
		},
		Preamble: func(client net.Conn) []byte { return proxyprotocol.Between(client).Append(nil) },
	})
	go func() { b.Serve(front); served <- nil }()
	t.Cleanup(func() {
		b.Close()
		back.Close()
		for range 2 {
			if err := <-served; err != nil {
				t.Error(err)
			}
		}
	})
	client, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetDeadline(time.Now().Add(patience))
	io.WriteString(client, "hello")
	client.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(client)
	if want := client.LocalAddr().String() + " to " + front.Addr().String() + ": hello"; string(got) != want || err != nil {
		t.Errorf("the backend says %q, %v; want %q", got, err, want)
	}
}

package proxyprotocol_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
)

// hidden is a listener for balancers alone, and dial connects to it as one of them.
func hidden(t *testing.T, timeout time.Duration) (l *proxyprotocol.Listener, dial func(preamble []byte) net.Conn) {
	t.Helper()
	back, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { back.Close() })
	return proxyprotocol.NewListener(back, timeout), func(preamble []byte) net.Conn {
		conn, err := net.Dial("tcp", back.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write(preamble); err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

var client = proxyprotocol.Header{Source: netip.MustParseAddrPort("192.0.2.7:1234"), Destination: netip.MustParseAddrPort("192.0.2.1:9092")}

// TestListener: each connection of a listener for balancers has the addresses of the balancer's client, whichever of
// its methods is asked first; and one that says nothing yet keeps nobody else waiting.
func TestListener(t *testing.T) {
	l, dial := hidden(t, patience)
	dial(nil)
	slow := accept(t, l)
	for name, first := range map[string]func(net.Conn) net.Conn{
		"addresses": func(c net.Conn) net.Conn { return c },
		"content": func(c net.Conn) net.Conn {
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Error(err)
			}
			return c
		},
		"receiving": func(c net.Conn) net.Conn {
			received, err := proxyprotocol.Receive(c, nil, patience)
			if err != nil {
				t.Fatal(err)
			}
			return received
		},
	} {
		dial(append(client.Append(nil), "xhello"...)).(*net.TCPConn).CloseWrite()
		conn := first(accept(t, l))
		if from, to := conn.RemoteAddr().String(), conn.LocalAddr().String(); from != "192.0.2.7:1234" || to != "192.0.2.1:9092" {
			t.Errorf("%s first: a connection from %s to %s", name, from, to)
		}
		content, err := io.ReadAll(conn)
		if want := map[bool]string{true: "hello", false: "xhello"}[name == "content"]; string(content) != want || err != nil {
			t.Errorf("%s first: it reads %q, %v", name, content, err)
		}
	}
	if err := slow.Close(); err != nil {
		t.Error(err)
	}
	if _, err := slow.Read(make([]byte, 1)); err == nil {
		t.Error("a connection without a header is read")
	}
}

// TestListenerRefuses: what comes without a header is not data, however it is read, and a balancer that says nothing is
// waited for in vain for the timeout only.
func TestListenerRefuses(t *testing.T) {
	l, dial := hidden(t, patience)
	balancer := dial([]byte("GET / HTTP/1.1\r\n\r\n"))
	conn := accept(t, l)
	if got := conn.RemoteAddr().String(); got != balancer.LocalAddr().String() {
		t.Errorf("without a header it comes from %s, not from the balancer", got)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, proxyprotocol.ErrMalformed) {
		t.Errorf("reading: %v", err)
	}
	if _, err := proxyprotocol.Receive(conn, nil, patience); !errors.Is(err, proxyprotocol.ErrMalformed) {
		t.Errorf("receiving: %v", err)
	}
	hasty, dialHasty := hidden(t, time.Millisecond)
	dialHasty(nil)
	var timeout net.Error
	if _, err := accept(t, hasty).Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a balancer that says nothing: %v", err)
	}
}

// TestProxyBehindABalancer: where a balancer's client is a trusted proxy itself, it says who its own client is.
func TestProxyBehindABalancer(t *testing.T) {
	l, dial := hidden(t, patience)
	proxy := proxyprotocol.Header{Source: netip.MustParseAddrPort("198.51.100.9:55"), Destination: client.Destination}
	for _, trusted := range []bool{true, false} {
		dial(client.Append(proxy.Append(nil)))
		var networks []netip.Prefix
		if trusted {
			networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		}
		conn, err := proxyprotocol.Receive(accept(t, l), networks, patience)
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "192.0.2.7:1234", false: "198.51.100.9:55"}[trusted]
		if got := conn.RemoteAddr().String(); got != want {
			t.Errorf("trusted %v: it comes from %s, want %s", trusted, got, want)
		}
	}
}

package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// wire is a client's connection that does nothing by itself.
type wire struct {
	conn      net.Conn
	formatter *kmsg.RequestFormatter
	next      int32
	in, out   []byte
}

const (
	askTimeout  = time.Minute
	maxResponse = 64 << 20
)

// open connects and speaks TLS, without resuming a session. Without a configuration it speaks none.
func open(ctx context.Context, address string, config *tls.Config) (*wire, error) {
	dial := new(net.Dialer).DialContext
	if config != nil {
		dial = (&tls.Dialer{Config: config}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, formatter: kmsg.NewRequestFormatter(kmsg.FormatterClientID("scale"))}, nil
}

// logIn authenticates with SASL/PLAIN.
func (w *wire) logIn(key apiKey) error {
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, "PLAIN"
	if _, err := w.ask(handshake); err != nil {
		return err
	}
	authenticate := kmsg.NewPtrSASLAuthenticateRequest()
	authenticate.Version, authenticate.SASLAuthBytes = 2, []byte("\x00"+key.id+"\x00"+key.secret)
	response, err := w.ask(authenticate)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.(*kmsg.SASLAuthenticateResponse).ErrorCode)
}

// ask sends a request, whose version is set, and waits for its response.
func (w *wire) ask(request kmsg.Request) (kmsg.Response, error) {
	name := kmsg.NameForKey(request.Key())
	w.next++
	w.out = w.formatter.AppendRequest(w.out[:0], request, w.next)
	w.conn.SetDeadline(time.Now().Add(askTimeout))
	if _, err := w.conn.Write(w.out); err != nil {
		return nil, fmt.Errorf("sending %s: %w", name, err)
	}
	var head [8]byte
	if _, err := io.ReadFull(w.conn, head[:]); err != nil {
		return nil, fmt.Errorf("waiting for the response to %s: %w", name, err)
	}
	size, correlation := int(binary.BigEndian.Uint32(head[:]))-4, int32(binary.BigEndian.Uint32(head[4:]))
	if size < 0 || size > maxResponse || correlation != w.next {
		return nil, fmt.Errorf("the response to %s has %d bytes and number %d instead of %d", name, size, correlation, w.next)
	}
	if cap(w.in) < size {
		w.in = make([]byte, size)
	}
	body := w.in[:size]
	if _, err := io.ReadFull(w.conn, body); err != nil {
		return nil, fmt.Errorf("reading the response to %s: %w", name, err)
	}
	response := request.ResponseKind()
	if response.IsFlexible() && request.Key() != kmsg.ApiVersions.Int16() {
		r := kbin.Reader{Src: body}
		kmsg.SkipTags(&r)
		body = r.Src
	}
	if err := response.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("decoding the response to %s: %w", name, err)
	}
	return response, nil
}

func (w *wire) close() error { return w.conn.Close() }

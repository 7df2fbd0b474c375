package gateway_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// rawClient speaks the protocol frame by frame, so that a test can send what no client library would.
type rawClient struct {
	t    testing.TB
	conn net.Conn
	next int32
}

func dialRaw(t testing.TB, c *gatewaytest.Cluster) *rawClient {
	t.Helper()
	conn, err := tls.Dial("tcp", c.Endpoints.Bootstrap, c.TLS)
	if err != nil {
		t.Fatal(err)
	}
	return rawOver(t, conn)
}

func rawOver(t testing.TB, conn net.Conn) *rawClient {
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &rawClient{t: t, conn: conn}
}

// authenticated is a raw client that has logged in.
func authenticated(t testing.TB, c *gatewaytest.Cluster, key gatewaytest.Key) *rawClient {
	t.Helper()
	r := dialRaw(t, c)
	if response := r.logIn(key.ID, key.Secret); response.ErrorCode != 0 {
		t.Fatalf("logging in: %v", *response.ErrorMessage)
	}
	return r
}

func (r *rawClient) logIn(user, password string) *kmsg.SASLAuthenticateResponse {
	r.t.Helper()
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, "PLAIN"
	if response := r.ask(handshake).(*kmsg.SASLHandshakeResponse); response.ErrorCode != 0 {
		r.t.Fatalf("SaslHandshake: error %d", response.ErrorCode)
	}
	request := kmsg.NewPtrSASLAuthenticateRequest()
	request.Version, request.SASLAuthBytes = 2, []byte("\x00"+user+"\x00"+password)
	return r.ask(request).(*kmsg.SASLAuthenticateResponse)
}

// send writes a request and returns its correlation id.
func (r *rawClient) send(request kmsg.Request) int32 {
	r.t.Helper()
	r.next++
	r.write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, request, r.next))
	return r.next
}

func (r *rawClient) write(frame []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(frame); err != nil {
		r.t.Fatal(err)
	}
}

// receive reads the next response into the kind that the request expects.
func (r *rawClient) receive(request kmsg.Request) (correlationID int32, response kmsg.Response) {
	r.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(r.conn, size[:]); err != nil {
		r.t.Fatalf("waiting for the response to %s: %v", kmsg.NameForKey(request.Key()), err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r.conn, frame); err != nil {
		r.t.Fatal(err)
	}
	reader := kbin.Reader{Src: frame}
	correlationID = reader.Int32()
	response = request.ResponseKind()
	if response.IsFlexible() && request.Key() != kmsg.ApiVersions.Int16() {
		kmsg.SkipTags(&reader)
	}
	if err := response.ReadFrom(reader.Src); err != nil {
		r.t.Fatal(err)
	}
	return correlationID, response
}

func (r *rawClient) ask(request kmsg.Request) kmsg.Response {
	r.t.Helper()
	id := r.send(request)
	got, response := r.receive(request)
	if got != id {
		r.t.Fatalf("response %d to request %d", got, id)
	}
	return response
}

// expectClosed fails unless the gateway closes the connection without another byte.
func (r *rawClient) expectClosed() {
	r.t.Helper()
	var b [1]byte
	n, err := r.conn.Read(b[:])
	if n != 0 || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.ErrClosedPipe) {
		r.t.Fatalf("the connection is not closed: %d bytes, %v", n, err)
	}
}

package gateway_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
)

// TestLoginsBetweenFrames has a peer whose logins last a millisecond and that answers every other frame with itself, in
// pieces of any size: whatever the pieces, what is read is what was written, without the logins.
func TestLoginsBetweenFrames(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	logins := make(chan int, 1)
	go func() { logins <- mirror(t, far) }()
	login := gateway.Login{User: "tenants", Password: "secret"}
	conn, err := login.Dial(func(context.Context, string, string) (net.Conn, error) { return near, nil })(testContext(t), "tcp", "broker")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewSource(1))
	var sent []byte
	var pieces [][]byte
	for id := range 500 {
		body := make([]byte, random.Intn(300))
		random.Read(body)
		frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
		frame = append(binary.BigEndian.AppendUint32(frame, uint32(id)), body...)
		cut := random.Intn(len(frame))
		sent, pieces = append(sent, frame...), append(pieces, frame[:cut], frame[cut:])
	}
	go func() {
		for _, piece := range pieces {
			if _, err := conn.Write(piece); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	var got []byte
	for len(got) < len(sent) {
		piece := make([]byte, 1+random.Intn(50))
		n, err := conn.Read(piece)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, piece[:n]...)
	}
	if !bytes.Equal(got, sent) {
		t.Error("what was read is not what was written")
	}
	conn.Close()
	if n := <-logins; n < 3 {
		t.Errorf("%d logins", n)
	}
}

// mirror answers logins, and everything else with itself, until the connection ends; it returns how many logins.
func mirror(t *testing.T, conn net.Conn) (logins int) {
	random := rand.New(rand.NewSource(3))
	answers := make(chan []byte, 1<<10)
	defer close(answers)
	go func() {
		for rest := range answers {
			for len(rest) > 0 {
				n := min(len(rest), 1+random.Intn(100))
				conn.Write(rest[:n])
				rest = rest[n:]
			}
		}
	}()
	for {
		frame := make([]byte, 4)
		if _, err := io.ReadFull(conn, frame); err != nil {
			return logins
		}
		frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
		if _, err := io.ReadFull(conn, frame[4:]); err != nil {
			return logins
		}
		var response kmsg.Response
		switch {
		case bytes.Contains(frame, []byte("orrery-gateway")) && bytes.Contains(frame, []byte("PLAIN")):
			response = kmsg.NewPtrSASLHandshakeResponse()
		case bytes.Contains(frame, []byte("orrery-gateway")):
			logins++
			authenticated := kmsg.NewPtrSASLAuthenticateResponse()
			authenticated.Version, authenticated.SessionLifetimeMillis = 1, 1
			response = authenticated
		default:
			answers <- frame
			continue
		}
		body := response.AppendTo(append([]byte(nil), frame[8:12]...))
		answers <- append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
}

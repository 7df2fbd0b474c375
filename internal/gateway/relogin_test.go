package gateway_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand"
	"net"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
)

// TestLoginsBetweenFrames has a peer whose logins last a millisecond and that answers every other frame with itself, in
// pieces of any size: whatever the pieces, what is read is what was written, without the logins.
func TestLoginsBetweenFrames(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	var logins atomic.Int32
	go mirror(t, far, &logins)
	login := gateway.Login{User: "tenants", Password: "secret"}
	conn, err := login.Dial(func(context.Context, string, string) (net.Conn, error) { return near, nil })(testContext(t), "tcp", "broker")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	random := rand.New(rand.NewSource(1))
	written := make(chan []byte, 1) // all of it, before the last frame is
	go func() {
		var sent []byte
		for id, last := 0, false; !last; id++ {
			body := make([]byte, random.Intn(300))
			random.Read(body)
			frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
			frame = append(binary.BigEndian.AppendUint32(frame, uint32(id)), body...)
			sent = append(sent, frame...)
			if last = id >= 500 && logins.Load() >= 3; last {
				written <- sent
			}
			cut := random.Intn(len(frame))
			for _, piece := range [][]byte{frame[:cut], frame[cut:]} {
				if _, err := conn.Write(piece); err != nil {
					t.Error(err)
					written <- sent
					return
				}
			}
		}
	}()
	sizes := rand.New(rand.NewSource(2))
	var got, sent []byte
	for sent == nil || len(got) < len(sent) {
		piece := make([]byte, 1+sizes.Intn(50))
		n, err := conn.Read(piece)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, piece[:n]...)
		select {
		case sent = <-written:
		default:
		}
	}
	if !bytes.Equal(got, sent) {
		t.Error("what was read is not what was written")
	}
}

// mirror answers and counts logins, and answers everything else with itself, until the connection ends.
func mirror(t *testing.T, conn net.Conn, logins *atomic.Int32) {
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
			return
		}
		frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
		if _, err := io.ReadFull(conn, frame[4:]); err != nil {
			return
		}
		var response kmsg.Response
		switch {
		case bytes.Contains(frame, []byte("orrery-gateway")) && bytes.Contains(frame, []byte("PLAIN")):
			response = kmsg.NewPtrSASLHandshakeResponse()
		case bytes.Contains(frame, []byte("orrery-gateway")):
			logins.Add(1)
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

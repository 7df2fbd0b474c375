package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

// The relay passes every byte in both directions, and the end of the broker's connection ends the client's.
func TestRelay(t *testing.T) {
	broker := echo(t)
	front, roots := order(t, broker)
	in, toRelay := io.Pipe()
	fromRelay, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(job.NewChannel(in, out)) }()
	parent := job.NewChannel(fromRelay, toRelay)
	var serving job.Serving
	if err := errors.Join(parent.Send(front), parent.Receive(&serving)); err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", serving.Address, roots)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	sent := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(sent)
	go func() {
		if _, err := conn.Write(sent); err != nil {
			t.Error(err)
		}
	}()
	got, err := io.ReadAll(conn) // the broker ends the connection after this many
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes came back as they were sent (%v)", len(got), len(sent), err)
	}
	toRelay.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// echo sends back one MiB of each connection, and ends it.
func echo(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := io.CopyN(conn, conn, 1<<20); err != nil {
				t.Error(err)
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

func order(t *testing.T, broker string) (job.Front, *tls.Config) {
	dir := t.TempDir()
	authority, err := pki.OpenRoot(filepath.Join(dir, "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue("relay", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	front := job.Front{Chain: filepath.Join(dir, "chain.pem"), Key: filepath.Join(dir, "key.pem"), Broker: broker}
	if err := errors.Join(os.WriteFile(front.Chain, certificate.ChainPEM(), 0o600), os.WriteFile(front.Key, certificate.KeyPEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return front, &tls.Config{RootCAs: authority.Root(), MinVersion: tls.VersionTLS12}
}

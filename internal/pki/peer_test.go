package pki_test

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/pki"
)

// Peers of one cluster accept each other at both ends, and nobody of another cluster.
func TestPeers(t *testing.T) {
	dir := t.TempDir()
	open := func(id string) *pki.Authority {
		a, err := pki.OpenClusterAuthority(filepath.Join(dir, id), id, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ours, theirs := open("pkc-a"), open("pkc-b")
	issue := func(a *pki.Authority, p pki.Peer) pki.Certificate {
		c, err := a.IssuePeer(p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	server := issue(ours, pki.Peer{CommonName: "broker", Unit: "pkc-a", Names: pki.Loopback(), Lifetime: 10 * 365 * 24 * time.Hour})
	if life := time.Until(server.Expires); life < 9*365*24*time.Hour {
		t.Errorf("it lives for %s", life)
	}
	if got := server.TLS.Leaf.Subject.String(); got != "CN=broker,OU=pkc-a,O=Orrery" {
		t.Errorf("the subject is %s", got)
	}
	handshake := func(client pki.Certificate, trusted *pki.Authority) error {
		a, b := net.Pipe()
		defer a.Close()
		result := make(chan error, 1)
		go func() {
			s := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientCAs: ours.Root(), ClientAuth: tls.RequireAndVerifyClientCert})
			_, err := io.WriteString(s, "x")
			b.Close()
			result <- err
		}()
		c := tls.Client(a, &tls.Config{Certificates: []tls.Certificate{client.TLS}, RootCAs: trusted.Root(), ServerName: "127.0.0.1"})
		_, err := c.Read(make([]byte, 1))
		a.Close()
		if failed := <-result; err == nil {
			err = failed
		}
		return err
	}
	member := pki.Peer{CommonName: "gateway", Unit: "pkc-a"}
	if err := handshake(issue(ours, member), ours); err != nil {
		t.Error(err)
	}
	if handshake(issue(theirs, member), ours) == nil {
		t.Error("a client of another cluster was accepted")
	}
	if handshake(issue(ours, member), theirs) == nil {
		t.Error("a server of another cluster was accepted")
	}
	if again := open("pkc-a"); string(again.RootPEM()) != string(ours.RootPEM()) {
		t.Error("a new authority was made")
	}
}

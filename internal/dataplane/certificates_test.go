package dataplane

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/orrery-kafka/orrery/internal/durable"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	root, err := pki.OpenRoot(filepath.Join(t.TempDir(), "root"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func issue(t *testing.T, by *pki.Authority) pki.Certificate {
	t.Helper()
	c, err := by.Issue("test", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := durable.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// putPair writes a certificate and its key, each by a rename.
func putPair(t *testing.T, files process.KeyPair, c pki.Certificate) {
	t.Helper()
	put(t, files.Certificate, c.ChainPEM())
	put(t, files.Key, c.KeyPEM())
}

func serial(c *tls.Certificate) *big.Int { return c.Leaf.SerialNumber }

// TestCertificateIsReplacedInPlace: the new one is presented as soon as both of its files are there; files that do not
// fit each other change nothing, and are told of once.
func TestCertificateIsReplacedInPlace(t *testing.T) {
	dir := t.TempDir()
	files := process.KeyPair{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}
	root := authority(t)
	first, second := issue(t, root), issue(t, root)
	putPair(t, files, first)
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	p, err := openPresented(files, registry, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	presents := func(want pki.Certificate) {
		t.Helper()
		got, err := p.GetCertificate(nil)
		if err != nil || serial(got).Cmp(serial(&want.TLS)) != 0 {
			t.Fatalf("another certificate is presented (%v)", err)
		}
	}
	counts := func(taken, refused float64) {
		t.Helper()
		if testutil.ToFloat64(p.taken) != taken || testutil.ToFloat64(p.refused) != refused {
			t.Fatalf("%v taken and %v refused, want %v and %v", testutil.ToFloat64(p.taken), testutil.ToFloat64(p.refused), taken, refused)
		}
	}
	p.look()
	presents(first)
	put(t, files.Certificate, second.ChainPEM())
	p.look() // between the two renames
	presents(first)
	counts(0, 0)
	put(t, files.Key, second.KeyPEM())
	p.look()
	presents(second)
	counts(1, 0)
	if strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("a replacement in two steps is told of as an error:\n%s", log.String())
	}
	for _, spoilt := range []struct {
		name  string
		spoil func()
	}{
		{"garbage", func() { put(t, files.Certificate, []byte("garbage")) }},
		{"other's key", func() { put(t, files.Certificate, second.ChainPEM()); put(t, files.Key, first.KeyPEM()) }},
		{"missing", func() { os.Remove(files.Key) }},
		{"empty", func() { put(t, files.Key, nil) }},
		{"garbage again", func() { put(t, files.Key, []byte("more")) }},
	} {
		log.Reset()
		before := testutil.ToFloat64(p.refused)
		spoilt.spoil()
		for range 5 {
			p.look()
		}
		presents(second)
		counts(1, before+1)
		if got := strings.Count(log.String(), "level=ERROR"); got != 1 || strings.Contains(log.String(), "PRIVATE") {
			t.Errorf("%s: %d errors in the log:\n%s", spoilt.name, got, log.String())
		}
	}
	putPair(t, files, first)
	p.look()
	presents(first)
}

// TestBrokersSeeTheReplacedCertificate: each new connection has what the files have, and trusts whom they say.
func TestBrokersSeeTheReplacedCertificate(t *testing.T) {
	dir := t.TempDir()
	file := process.PlatformFile{KeyPair: process.KeyPair{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}, Authority: filepath.Join(dir, "ca.pem")}
	root := authority(t)
	broker := issue(t, root)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{broker.TLS}, ClientAuth: tls.RequireAnyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	seen := make(chan *big.Int, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if conn.(*tls.Conn).Handshake() == nil {
				seen <- conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber
			}
			conn.Close()
		}
	}()
	first, second := issue(t, root), issue(t, root)
	putPair(t, file.KeyPair, first)
	put(t, file.Authority, root.RootPEM())
	p, err := openPlatform(file, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	dial := func() error {
		conn, err := p.dial(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = io.Copy(io.Discard, conn)
		return err
	}
	for _, c := range []pki.Certificate{first, second} {
		putPair(t, file.KeyPair, c)
		p.look()
		if err := dial(); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got.Cmp(serial(&c.TLS)) != 0 {
			t.Error("the broker saw another certificate")
		}
	}
	put(t, file.Authority, authority(t).RootPEM())
	p.look()
	if err := dial(); err == nil {
		t.Error("a broker of an authority that is not trusted any more is talked to")
	}
	put(t, file.Authority, []byte("nothing"))
	for range 2 {
		p.look()
	}
	if testutil.ToFloat64(p.refused) != 1 {
		t.Error("a file without a certificate was taken for authorities")
	}
}

// listenAnywhere is for what only has to be there.
func listenAnywhere(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

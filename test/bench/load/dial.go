package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// dialer opens the connections of a path, and keeps what the first one negotiated.
type dialer struct {
	path  job.Path
	roots *x509.CertPool // nil without TLS

	mu     sync.Mutex
	server string
	tls    string
}

func newDialer(path job.Path) (*dialer, error) {
	d := &dialer{path: path}
	if path.CA == "" {
		return d, nil
	}
	pem, err := os.ReadFile(path.CA)
	if err != nil {
		return nil, err
	}
	d.roots = x509.NewCertPool()
	if !d.roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", path.CA)
	}
	return d, nil
}

// dial connects as the path says. It is for kgo.Dialer too.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.path.Through != "" {
		address = d.path.Through
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if d.roots == nil {
		d.keep(address, "none")
		return conn, nil
	}
	secure := tls.Client(conn, &tls.Config{RootCAs: d.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	state := secure.ConnectionState()
	key := fmt.Sprintf("%T", state.PeerCertificates[0].PublicKey)
	if public, ok := state.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey); ok {
		key = "ECDSA " + public.Params().Name
	}
	d.keep(address, fmt.Sprintf("%s, %s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), key))
	return secure, nil
}

func (d *dialer) keep(server, negotiated string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server == "" {
		d.server, d.tls = server, negotiated
	}
}

func (d *dialer) negotiated() (tls, server string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tls, d.server
}

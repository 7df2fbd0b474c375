package pki

import (
	"crypto/tls"
	"errors"
	"sync/atomic"
)

// Reloader holds the certificate that a server presents now and swaps it in place: connections that are open
// keep theirs, new ones get the new one, no listener restarts. The zero Reloader has no certificate yet. It may
// be used from any goroutine.
type Reloader struct {
	current atomic.Pointer[Certificate]
}

var errNoCertificate = errors.New("pki: no certificate has been issued yet")

// Swap makes c the certificate of every handshake from now on.
func (r *Reloader) Swap(c Certificate) { r.current.Store(&c) }

// Current returns the certificate that is served and whether there is one.
func (r *Reloader) Current() (Certificate, bool) {
	c := r.current.Load()
	if c == nil {
		return Certificate{}, false
	}
	return *c, true
}

// GetCertificate is for tls.Config.
func (r *Reloader) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c := r.current.Load()
	if c == nil {
		return nil, errNoCertificate
	}
	return &c.TLS, nil
}

// ServerConfig returns a TLS configuration (1.2 and later) that serves the current certificate.
func (r *Reloader) ServerConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: r.GetCertificate}
}

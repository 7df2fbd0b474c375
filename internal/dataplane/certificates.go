package dataplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

var certificateReloads = prometheus.CounterOpts{
	Name: "orrery_gateway_certificate_reloads_total",
	Help: "Replaced files of certificates that the gateway took up, or could not use so that the former stay in force, by who sees the certificate.",
}

// presented is the certificate that clients see, from files.
type presented struct {
	pki.Reloader
	replaced
}

// openPresented reads the certificate that clients see.
func openPresented(files process.KeyPair, metrics prometheus.Registerer, logger *slog.Logger) (*presented, error) {
	p := &presented{replaced: replaced{what: "the certificate for clients", files: []string{files.Certificate, files.Key}, logger: logger}}
	p.replaced.take = p.takePair
	p.replaced.count(metrics, certificateReloads, prometheus.Labels{"certificate": "clients"})
	return p, p.begin()
}

func (p *presented) takePair(contents [][]byte) error {
	pair, err := keyPair(contents[0], contents[1])
	if err != nil {
		return err
	}
	p.Swap(pki.Certificate{TLS: pair, Issued: pair.Leaf.NotBefore, Expires: pair.Leaf.NotAfter})
	return nil
}

// platform is the way to the brokers' PLATFORM listeners, with certificates from files: the gateway's own, and that of
// the authorities which sign the brokers'.
type platform struct {
	replaced
	current atomic.Pointer[tls.Config]
	dialer  net.Dialer
}

// openPlatform reads the gateway's own certificate and the brokers' authorities.
func openPlatform(file process.PlatformFile, metrics prometheus.Registerer, logger *slog.Logger) (*platform, error) {
	p := &platform{replaced: replaced{what: "the certificates for brokers", files: []string{file.Certificate, file.Key, file.Authority}, logger: logger}}
	p.replaced.take = p.takeConfig
	p.replaced.count(metrics, certificateReloads, prometheus.Labels{"certificate": "brokers"})
	return p, p.begin()
}

func (p *platform) takeConfig(contents [][]byte) error {
	pair, err := keyPair(contents[0], contents[1])
	if err != nil {
		return err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(contents[2]) {
		return errors.New("the file of the brokers' authorities holds no certificate in PEM")
	}
	p.current.Store(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities, Certificates: []tls.Certificate{pair}})
	return nil
}

// dial connects to a broker with the certificates that are in force.
func (p *platform) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := tls.Dialer{NetDialer: &p.dialer, Config: p.current.Load()}
	return dialer.DialContext(ctx, network, address)
}

// keyPair parses a chain and its key.
func keyPair(chain, key []byte) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return pair, err
	}
	if pair.Leaf == nil { // where GODEBUG says so
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return pair, fmt.Errorf("the certificate cannot be read: %w", err)
		}
	}
	return pair, nil
}

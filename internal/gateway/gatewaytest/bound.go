package gatewaytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// Bound are listeners of one tenant, one beside each gateway, for clients that cannot log in: a certificate of the
// client is enough. The listener ends TLS, and what comes in it goes through a connection inside the process
// (gateway.Connect), so through the same handlers as any other client's.
type Bound struct {
	// Seeds are the addresses of the listeners, in the order of the brokers.
	Seeds []string
	// Authority is a PEM file that makes a client trust the listeners; Certificate and PrivateKey are the client's own.
	Authority, Certificate, PrivateKey string
}

// Bind opens listeners for the tenant of a key, until the test ends. They become the endpoints of the whole cluster, so
// it is for tests with one tenant, and the newest listeners are the ones in use.
func (c *Cluster) Bind(key Key) *Bound {
	c.t.Helper()
	b := &Bound{}
	server := b.certify(c)
	b.Seeds = c.bind(key, func(l net.Listener) net.Listener { return tls.NewListener(l, server) })
	return b
}

// BindPlaintext is Bind for clients that speak no TLS either, and returns the addresses of the listeners.
func (c *Cluster) BindPlaintext(key Key) (seeds []string) {
	c.t.Helper()
	return c.bind(key, func(l net.Listener) net.Listener { return l })
}

func (c *Cluster) bind(key Key, over func(net.Listener) net.Listener) (seeds []string) {
	c.t.Helper()
	endpoints := orrery.Endpoints{}
	for node, g := range c.Gateways {
		identity, err := g.Authenticate(netip.Addr{}, key.ID, key.Secret, key.Credential.LogicalClusterID)
		if err != nil {
			c.t.Fatal(err)
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			c.t.Fatal(err)
		}
		seeds = append(seeds, listener.Addr().String())
		port := int32(listener.Addr().(*net.TCPAddr).Port)
		endpoints.Brokers = append(endpoints.Brokers, orrery.BrokerEndpoint{Node: int32(node), Host: "127.0.0.1", Port: port})
		l := &boundListener{listener: over(listener), gateway: g, identity: identity, node: int32(node), open: map[net.Conn]struct{}{}}
		var accepting sync.WaitGroup
		accepting.Go(func() {
			if err := l.serve(); !errors.Is(err, net.ErrClosed) {
				c.t.Error(err)
			}
		})
		c.t.Cleanup(func() {
			listener.Close()
			accepting.Wait()
			l.close()
		})
	}
	endpoints.Bootstrap = seeds[0]
	c.Put(tenancy.StateEndpoints, PhysicalClusterID, endpoints)
	return seeds
}

// certify makes an authority and writes the files of a client; it returns what the listeners speak.
func (b *Bound) certify(c *Cluster) *tls.Config {
	c.t.Helper()
	authority, signer, authorityDER := certificate(c.t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	_, serverKey, serverDER := certificate(c.t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "bound listener"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority, signer)
	_, clientKey, clientDER := certificate(c.t, &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "tenant"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, authority, signer)
	dir := c.t.TempDir()
	b.Authority = writePEM(c, filepath.Join(dir, "authority.pem"), "CERTIFICATE", authorityDER)
	b.Certificate = writePEM(c, filepath.Join(dir, "certificate.pem"), "CERTIFICATE", clientDER)
	b.PrivateKey = writePEM(c, filepath.Join(dir, "key.pem"), "PRIVATE KEY", pkcs8(c, clientKey))
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{serverDER}, PrivateKey: serverKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12,
	}
}

func pkcs8(c *Cluster, key *ecdsa.PrivateKey) []byte {
	c.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		c.t.Fatal(err)
	}
	return der
}

func writePEM(c *Cluster, path, kind string, der []byte) string {
	c.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// boundListener takes clients to one gateway.
type boundListener struct {
	listener net.Listener
	gateway  *gateway.Gateway
	identity gateway.Identity
	node     int32

	clients sync.WaitGroup
	mu      sync.Mutex // guards open
	open    map[net.Conn]struct{}
}

// serve takes clients until the listener is closed.
func (l *boundListener) serve() error {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.open[client] = struct{}{}
		l.mu.Unlock()
		l.clients.Go(func() {
			l.relay(client)
			client.Close()
			l.mu.Lock()
			delete(l.open, client)
			l.mu.Unlock()
		})
	}
}

// relay joins a client with the gateway until one of them ends. A client without the right certificate gets nowhere.
func (l *boundListener) relay(client net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if secure, ok := client.(*tls.Conn); ok && secure.HandshakeContext(ctx) != nil {
		return
	}
	inside, err := l.gateway.Connect(ctx, gateway.Caller{Identity: l.identity}, l.node)
	if err != nil {
		return
	}
	var toGateway sync.WaitGroup
	toGateway.Go(func() {
		_, _ = io.Copy(inside, client) // it ends with either of them
		inside.Close()
	})
	_, _ = io.Copy(client, inside)
	client.Close()
	inside.Close()
	toGateway.Wait()
}

// close ends the clients, and returns when all of them are gone. The listener is closed by then.
func (l *boundListener) close() {
	l.mu.Lock()
	for client := range l.open {
		client.Close()
	}
	l.mu.Unlock()
	l.clients.Wait()
}

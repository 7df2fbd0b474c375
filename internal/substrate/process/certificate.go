package process

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// controllerLifetime is how long the certificate of the controllers' listener lives: it is replaced at a restart only
// (KAFKA-20025, KAFKA-20583), so it has to outlive any time between two.
const controllerLifetime = 10 * 365 * 24 * time.Hour

// The gateways' public certificate, in the cluster's directory.
const (
	publicCertificate = "public.pem"
	publicKey         = "public-key.pem"
)

// readLifetime is that of the first certificate in a file; zero where there is none.
func readLifetime(path string) lifetime {
	text, err := os.ReadFile(path)
	if err != nil {
		return lifetime{}
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			return lifetime{certificate.NotBefore, certificate.NotAfter}
		}
		break
	}
	return lifetime{}
}

// issue makes the node's certificates that are missing or have a third of their life left.
func (n *node) issue() error {
	now := n.substrate.config.Now()
	due := func(file string) bool {
		l := readLifetime(filepath.Join(n.dir, file))
		return l.expires.IsZero() || pki.NeedsRenewal(l.issued, l.expires, now)
	}
	if n.record.isBroker() && due(platformStore) {
		if err := n.issuePlatform(); err != nil {
			return err
		}
	}
	if due(quorumStore) {
		if err := n.issueStore(quorumStore, pki.Peer{CommonName: controllerName, Lifetime: controllerLifetime}); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shown, n.controller = readLifetime(filepath.Join(n.dir, platformStore)), readLifetime(filepath.Join(n.dir, quorumStore))
	return nil
}

func (n *node) issuePlatform() error {
	return n.issueStore(platformStore, pki.Peer{CommonName: brokerName})
}

// issueStore writes a key store in PEM: the key, and then the chain.
func (n *node) issueStore(file string, peer pki.Peer) error {
	peer.Unit, peer.Names = n.id, pki.Loopback()
	certificate, err := n.cluster.ca.IssuePeer(peer, n.substrate.config.Now())
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(n.dir, file), append(certificate.KeyPEM(), certificate.ChainPEM()...), 0o600)
}

// takeTimeout bounds how long a broker may take to show a certificate that it was told of.
const takeTimeout = 30 * time.Second

// takeCertificate has a running broker read its key store again, and returns once it shows what is in there.
func (n *node) takeCertificate(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, takeTimeout, errors.New("it does not answer"))
	defer cancel()
	address := n.substrate.private.Address(n.record.PlatformPort)
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.Dialer(n.cluster.dial))
	if err != nil {
		return err
	}
	defer client.Close()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeBroker, fmt.Sprint(n.record.Node)
	setting := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	setting.Name, setting.Value = "listener.name.platform.ssl.keystore.location", kmsg.StringPtr(platformStore)
	resource.Configs = append(resource.Configs, setting)
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, client.Broker(int(n.record.Node)))
	if err != nil {
		return orrery.Errorf(orrery.Unavailable, "telling %s of %s of its new certificate: %v", n.name, n.id, err)
	}
	for _, r := range response.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			why := ""
			if r.ErrorMessage != nil {
				why = *r.ErrorMessage
			}
			return orrery.Errorf(orrery.Unavailable, "%s of %s does not take its new certificate: %v %s", n.name, n.id, err, why)
		}
	}
	return n.awaitShown(ctx, address, readLifetime(filepath.Join(n.dir, platformStore)))
}

// awaitShown waits until handshakes show a certificate. A broker's network threads take turns with new connections, and
// take a new key store one after the other: so it is every one of as many in a row as all of them serve twice.
func (n *node) awaitShown(ctx context.Context, address string, want lifetime) error {
	n.mu.Lock()
	threads, err := strconv.Atoi(n.note.Configuration["num.network.threads"])
	n.mu.Unlock()
	if err != nil || threads < 1 {
		threads = defaultNetworkThreads
	}
	tick := time.NewTicker(askSoon)
	defer tick.Stop()
	for row := 0; row < 2*threads; {
		conn, err := n.cluster.dialTLS(ctx, "tcp", address)
		if err == nil {
			leaf := conn.ConnectionState().PeerCertificates[0]
			conn.Close()
			if leaf.NotAfter.Equal(want.expires) && leaf.NotBefore.Equal(want.issued) {
				row++
				continue
			}
		}
		row = 0
		select {
		case <-ctx.Done():
			return orrery.Errorf(orrery.Unavailable, "%s of %s was told of its new certificate, and does not show it", n.name, n.id)
		case <-tick.C:
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shown = want
	return nil
}

// defaultNetworkThreads is Apache Kafka's num.network.threads, for each listener.
const defaultNetworkThreads = 3

// renewPublic replaces the gateways' public certificate, and who they are to the brokers; both are files that they watch.
func (c *cluster) renewPublic() error {
	authority := c.substrate.authority.Load()
	if authority == nil {
		return orrery.Errorf(orrery.Invalid, "this substrate has no certificate authority")
	}
	certificate, err := authority.Issue(c.id+" gateway", c.substrate.config.Names, c.substrate.config.Now())
	if err != nil {
		return err
	}
	if err := writePair(c.dir, publicCertificate, publicKey, certificate); err != nil {
		return err
	}
	for _, g := range c.gateways {
		if !g.began() {
			continue // it gets one when it is started
		}
		if err := c.issueGateway(g.dir); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.public = lifetime{certificate.Issued, certificate.Expires}
	return nil
}

// reissue renews a public certificate that was issued.
func (c *cluster) reissue() error {
	c.acting.Lock()
	defer c.acting.Unlock()
	if c.usable() != nil || c.public.expires.IsZero() {
		return nil
	}
	return c.renewPublic()
}

// issueGateway writes who a gateway is to the brokers.
func (c *cluster) issueGateway(dir string) error {
	certificate, err := c.ca.IssuePeer(pki.Peer{CommonName: gatewayName, Unit: c.id}, c.substrate.config.Now())
	if err != nil {
		return err
	}
	return writePair(dir, gatewayCertificate, gatewayKey, certificate)
}

// writePair writes the key first: who looks in between finds two that do not belong to each other, and looks again.
func writePair(dir, chainFile, keyFile string, certificate pki.Certificate) error {
	return errors.Join(
		durable.WriteFile(filepath.Join(dir, keyFile), certificate.KeyPEM(), 0o600),
		durable.WriteFile(filepath.Join(dir, chainFile), certificate.ChainPEM(), 0o600))
}

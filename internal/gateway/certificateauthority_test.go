package gateway_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// signer is somebody's certificate authority.
type signer struct {
	t           testing.TB
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	chain       []byte // of the certificate, in PEM
	next        int64  // serial number
}

// newSigner makes a certificate authority; parent nil is a root.
func newSigner(t testing.TB, name string, parent *signer) *signer {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	s := &signer{t: t, next: 100}
	if parent == nil {
		parent = s
	}
	made := parent.sign(template)
	s.certificate, s.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	s.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]})
	return s
}

// sign makes a certificate with a new key.
func (s *signer) sign(template *x509.Certificate) tls.Certificate {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	s.next++
	template.SerialNumber, template.NotBefore = big.NewInt(s.next), time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, with := s.certificate, s.key
	if parent == nil {
		parent, with = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, with)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// client makes a client's certificate; change may be nil.
func (s *signer) client(name string, change func(*x509.Certificate)) tls.Certificate {
	s.t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(template)
	}
	return s.sign(template)
}

// revoke makes a revocation list.
func (s *signer) revoke(revoked ...tls.Certificate) string {
	s.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, s.certificate, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// uploaded is what a tenant's organization uploaded of signers.
func uploaded(tenant tenancy.Tenant, id, lists string, signers ...*signer) tenancy.CertificateAuthority {
	var chain bytes.Buffer
	for _, s := range signers {
		chain.Write(s.chain)
	}
	return tenancy.CertificateAuthority{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, CertificateAuthorityID: id, OrganizationID: tenant.OrganizationID,
		CertificateChain: chain.String(), RevocationLists: lists,
	}
}

// poolOf is an identity pool of a certificate authority for a tenant's cluster.
func poolOf(tenant tenancy.Tenant, authority, id, filter string, created time.Time) tenancy.IdentityPool {
	return tenancy.IdentityPool{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, IdentityPoolID: id, IdentityProviderID: authority, OrganizationID: tenant.OrganizationID,
		IdentityClaim: "CN", Filter: filter, Certificates: true, LogicalClusterID: tenant.LogicalClusterID, CreatedAt: created,
	}
}

// trustSigner lets the certificates of a signer into a tenant's cluster, as op-ID and pool-ID with all rights there.
func trustSigner(c *gatewaytest.Cluster, tenant tenancy.Tenant, id string, s *signer) {
	c.Put(tenancy.StateCertificateAuthority, "op-"+id, uploaded(tenant, "op-"+id, "", s))
	c.Put(tenancy.StateIdentityPool, "pool-"+id, poolOf(tenant, "op-"+id, "pool-"+id, `O == "Example"`, time.Now()))
	administer(c, tenant, "pool-"+id)
}

// administer gives a principal all rights in a tenant's cluster.
func administer(c *gatewaytest.Cluster, tenant tenancy.Tenant, principal string) {
	c.Put(tenancy.StateBinding, "rb-"+principal, tenancy.Binding{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, RoleBindingID: "rb-" + principal, Principal: "User:" + principal, RoleName: orrery.RoleCloudClusterAdmin,
		CRNPattern: orrery.CloudClusterCRN(tenant.OrganizationID, tenant.EnvironmentID, tenant.LogicalClusterID).String(),
	})
}

// holding is what a client with a certificate trusts and has.
func holding(c *gatewaytest.Cluster, certificate tls.Certificate) *tls.Config {
	config := c.TLS.Clone()
	config.Certificates = []tls.Certificate{certificate}
	return config
}

// dialHolding is dialRaw with a certificate.
func dialHolding(t testing.TB, c *gatewaytest.Cluster, address string, certificate tls.Certificate) *rawClient {
	t.Helper()
	conn, err := tls.Dial("tcp", address, holding(c, certificate))
	if err != nil {
		t.Fatal(err)
	}
	return rawOver(t, conn)
}

// withCertificate is franz-go with a certificate and without SASL.
func withCertificate(t testing.TB, c *gatewaytest.Cluster, certificate tls.Certificate) *kgo.Client {
	t.Helper()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: holding(c, certificate)}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Endpoints.Bootstrap), kgo.Dialer(dialer.DialContext), kgo.ProducerLinger(0), kgo.RetryTimeout(20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Package pki is the service's own certificate authority: a root in a directory, an intermediate for each
// satellite that may sign only the names which that satellite serves, and the leaves of gateways and of the API.
//
// Servers send leaf and intermediate; clients trust the root (ca.pem). Keys are ECDSA P-256, written with mode
// 0600. Leaves live for 90 days and are due for renewal with a third of their life left (RFC 5280 for the
// profile, section 4.2.1.10 for name constraints).
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// How long certificates live. NotBefore lies an hour back, for clients whose clock is behind.
const (
	RootLifetime         = 20 * 365 * 24 * time.Hour
	IntermediateLifetime = 5 * 365 * 24 * time.Hour
	LeafLifetime         = 90 * 24 * time.Hour
	clockSkew            = time.Hour
)

// Names is what a certificate is for: DNS names and IP addresses.
type Names struct {
	DNS []string
	IPs []net.IP
}

// Loopback names this host to itself: localhost, 127.0.0.1 and ::1. The embedded default serves nothing else.
func Loopback() Names {
	return Names{DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}}
}

// Authority signs certificates: the root, or an intermediate under it.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	root        *x509.Certificate
	// chain is what a server sends after its leaf: the intermediate, or nothing where the root signs itself.
	chain [][]byte
}

// RootPEM returns the root's certificate in PEM, which is what clients trust.
func (a *Authority) RootPEM() []byte { return encodeCertificate(a.root.Raw) }

// Root returns a pool with the root only.
func (a *Authority) Root() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// Expires returns when the authority's own certificate runs out.
func (a *Authority) Expires() time.Time { return a.certificate.NotAfter }

// Certificate is a leaf with its key and the chain that a server sends.
type Certificate struct {
	TLS               tls.Certificate
	Issued, Expires   time.Time
	certificateAndKey [2][]byte // PEM of the chain and of the key
}

// ChainPEM returns leaf and intermediate in PEM, KeyPEM the private key.
func (c Certificate) ChainPEM() []byte { return bytes.Clone(c.certificateAndKey[0]) }

// KeyPEM returns the private key in PEM (PKCS #8).
func (c Certificate) KeyPEM() []byte { return bytes.Clone(c.certificateAndKey[1]) }

// NeedsRenewal reports whether a certificate that is valid from issued to expires has a third of its life left
// at now, or less.
func NeedsRenewal(issued, expires, now time.Time) bool {
	return !now.Before(RenewAt(issued, expires))
}

// RenewAt is when a certificate is due for renewal: with a third of its life left.
func RenewAt(issued, expires time.Time) time.Time {
	return expires.Add(-expires.Sub(issued) / 3)
}

// Issue signs a server certificate for names with a new key. commonName is for people who read the certificate;
// no client checks it. It fails where the authority itself runs out before the leaf's first third is over.
func (a *Authority) Issue(commonName string, names Names, now time.Time) (Certificate, error) {
	if len(names.DNS) == 0 && len(names.IPs) == 0 {
		return Certificate{}, errors.New("pki: a certificate needs at least one name")
	}
	expires := now.Add(LeafLifetime)
	if a.certificate.NotAfter.Before(expires) {
		expires = a.certificate.NotAfter
	}
	if !expires.After(now.Add(LeafLifetime / 3)) {
		return Certificate{}, fmt.Errorf("pki: the authority %q runs out on %s, too soon to sign with it",
			a.certificate.Subject.CommonName, a.certificate.NotAfter.Format(time.DateOnly))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, fmt.Errorf("pki: making a key: %w", err)
	}
	template, err := newTemplate(commonName, now, expires)
	if err != nil {
		return Certificate{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames, template.IPAddresses = names.DNS, names.IPs
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return Certificate{}, fmt.Errorf("pki: signing a certificate for %q: %w", commonName, err)
	}
	return assemble(der, key, a.chain)
}

func assemble(leaf []byte, key *ecdsa.PrivateKey, chain [][]byte) (Certificate, error) {
	parsed, err := x509.ParseCertificate(leaf)
	if err != nil {
		return Certificate{}, fmt.Errorf("pki: reading the certificate back: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return Certificate{}, err
	}
	ders := append([][]byte{leaf}, chain...)
	var chainPEM []byte
	for _, der := range ders {
		chainPEM = append(chainPEM, encodeCertificate(der)...)
	}
	return Certificate{
		TLS:    tls.Certificate{Certificate: ders, PrivateKey: key, Leaf: parsed},
		Issued: parsed.NotBefore, Expires: parsed.NotAfter,
		certificateAndKey: [2][]byte{chainPEM, keyPEM},
	}, nil
}

// newTemplate is what every certificate has: a random serial number of 127 bits, a name and a life.
func newTemplate(commonName string, now, expires time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("pki: drawing a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{Organization: []string{"Orrery"}, CommonName: commonName},
		NotBefore:    now.Add(-clockSkew).UTC(), NotAfter: expires.UTC(),
		BasicConstraintsValid: true,
	}, nil
}

// rootPathLen is how many authorities there may be between a root and a leaf: a satellite's, and during a rollover the
// next root.
const rootPathLen = 2

func newRoot(commonName string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: making the root key: %w", err)
	}
	template, err := newTemplate(commonName, now, now.Add(RootLifetime))
	if err != nil {
		return nil, nil, err
	}
	template.IsCA, template.MaxPathLen = true, rootPathLen
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: signing the root certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	return certificate, key, err
}

// signIntermediate signs a key as an authority for the permitted names only: a client refuses what it signs for
// any other name. The constraint on an IP address is exactly that address.
func (a *Authority) signIntermediate(commonName string, key *ecdsa.PublicKey, permitted Names, now time.Time) (*x509.Certificate, error) {
	if len(permitted.DNS) == 0 || len(permitted.IPs) == 0 { // what is not constrained at all would be free
		return nil, errors.New("pki: an authority needs at least one DNS name and one IP address that it may sign for")
	}
	expires := now.Add(IntermediateLifetime)
	if a.certificate.NotAfter.Before(expires) {
		expires = a.certificate.NotAfter
	}
	template, err := newTemplate(commonName, now, expires)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = permitted.DNS
	for _, ip := range permitted.IPs {
		template.PermittedIPRanges = append(template.PermittedIPRanges, exactly(ip))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("pki: signing the intermediate %q: %w", commonName, err)
	}
	return x509.ParseCertificate(der)
}

func exactly(ip net.IP) *net.IPNet {
	if four := ip.To4(); four != nil {
		return &net.IPNet{IP: four, Mask: net.CIDRMask(32, 32)}
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(128, 128)}
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("pki: encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

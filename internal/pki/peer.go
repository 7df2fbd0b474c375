package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"time"
)

// Peer is who a certificate of IssuePeer is for: one that shows it whether it connects or is connected to.
type Peer struct {
	// CommonName says who it is, and Unit (OU) where that counts.
	CommonName, Unit string
	// Names are what it is reached at; none for one that only connects.
	Names Names
	// Lifetime is how long the certificate lives; 0 is LeafLifetime. It ends with the authority at the latest.
	Lifetime time.Duration
}

// IssuePeer signs a certificate with a new key for both ends of a connection.
func (a *Authority) IssuePeer(p Peer, now time.Time) (Certificate, error) {
	if p.Lifetime == 0 {
		p.Lifetime = LeafLifetime
	}
	expires := now.Add(p.Lifetime)
	if a.certificate.NotAfter.Before(expires) {
		expires = a.certificate.NotAfter
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, fmt.Errorf("pki: making a key: %w", err)
	}
	template, err := newTemplate(p.CommonName, now, expires)
	if err != nil {
		return Certificate{}, err
	}
	template.Subject.OrganizationalUnit = []string{p.Unit}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	template.DNSNames, template.IPAddresses = p.Names.DNS, p.Names.IPs
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return Certificate{}, fmt.Errorf("pki: signing the certificate of %q: %w", p.CommonName, err)
	}
	return assemble(der, key, a.chain)
}

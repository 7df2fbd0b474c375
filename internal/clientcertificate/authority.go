// Package clientcertificate decides whether a client's certificate is one of a certificate authority that a tenant's
// organization has uploaded, and what the certificate says (RFC 5280). The mothership checks uploads with it, the
// gateway verifies clients.
//
// Only what was uploaded signs: certificates that a client sends along are not looked at. So the key that signed a
// client's certificate is always one that the mothership has seen, which lets it give each key to one organization.
package clientcertificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Bounds of an upload.
const (
	MaxChain        = 64 << 10  // bytes of PEM
	MaxCertificates = 10        // in a chain
	MaxLists        = 256 << 10 // bytes of PEM with certificate revocation lists
	// maxSigningKey bounds RSA keys, whose signatures cost the gateway time to check.
	maxSigningKey = 4096 // bits
)

// Why a client's certificate is refused. The texts hold nothing of it.
var (
	ErrUnknown = errors.New("the client certificate is not signed by a certificate authority that was uploaded")
	ErrExpired = errors.New("the client certificate, or its authority's, is not valid at this time")
	ErrRevoked = errors.New("the client certificate is in a revocation list of its authority")
	ErrPurpose = errors.New("the client certificate is not one for a TLS client")
)

// Authority is a certificate authority as it was uploaded: certificates that may sign those of clients, each trusted
// by itself, and lists of what they have revoked. It is for concurrent use.
type Authority struct {
	certificates []*x509.Certificate
	pool         *x509.CertPool
	revoked      map[string]struct{} // by revocation
}

// revocation names a certificate in a revocation list.
func revocation(issuer, serial []byte) string { return string(issuer) + "\x00" + string(serial) }

// Parse reads a chain of certificates and, where it is not "", revocation lists, both PEM. An error is Invalid, about
// the field /certificate_chain or /crl_chain.
func Parse(chain, lists string) (*Authority, error) {
	a := &Authority{pool: x509.NewCertPool(), revoked: map[string]struct{}{}}
	if len(chain) > MaxChain {
		return nil, invalidChain("the certificate chain has %d bytes; at most %d are allowed", len(chain), MaxChain)
	}
	err := eachBlock(chain, "CERTIFICATE", func(der []byte) error { return a.add(der) })
	if err != nil {
		return nil, invalidChain("the certificate chain: %v", err)
	}
	if len(a.certificates) == 0 {
		return nil, invalidChain("the certificate chain holds no certificate; it is PEM: -----BEGIN CERTIFICATE-----")
	}
	if len(lists) > MaxLists {
		return nil, invalidLists("the revocation lists have %d bytes; at most %d are allowed", len(lists), MaxLists)
	}
	if err := eachBlock(lists, "X509 CRL", a.revoke); err != nil {
		return nil, invalidLists("the revocation lists: %v", err)
	}
	return a, nil
}

func invalidChain(format string, args ...any) error {
	return orrery.InvalidField("/certificate_chain", format, args...)
}

func invalidLists(format string, args ...any) error {
	return orrery.InvalidField("/crl_chain", format, args...)
}

// eachBlock calls f with what each PEM block of a text holds; there may be text between them, but no other block.
func eachBlock(text, kind string, f func(der []byte) error) error {
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if strings.Contains(string(rest), "-----BEGIN") {
				return errors.New("a PEM block is damaged")
			}
			return nil
		}
		if block.Type != kind {
			return fmt.Errorf("there is a PEM block of %.40q in it, and only %q may be", block.Type, kind)
		}
		if err := f(block.Bytes); err != nil {
			return err
		}
	}
}

func (a *Authority) add(der []byte) error {
	if len(a.certificates) == MaxCertificates {
		return fmt.Errorf("it has more than %d certificates", MaxCertificates)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("certificate %d cannot be read: %w", len(a.certificates)+1, err)
	}
	switch {
	case !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Errorf("certificate %d (%.100s) is not one of a certificate authority", len(a.certificates)+1, c.Subject)
	case len(c.RawSubject) <= 2: // an empty sequence
		return fmt.Errorf("certificate %d has no subject", len(a.certificates)+1)
	case keyTooLarge(c):
		return fmt.Errorf("certificate %d (%.100s) has a key of more than %d bits", len(a.certificates)+1, c.Subject, maxSigningKey)
	}
	a.certificates = append(a.certificates, c)
	a.pool.AddCert(c)
	return nil
}

func keyTooLarge(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(interface{ Size() int }) // *rsa.PublicKey
	return ok && key.Size()*8 > maxSigningKey
}

func (a *Authority) revoke(der []byte) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("a list cannot be read: %w", err)
	}
	for _, c := range a.certificates {
		if !bytes.Equal(c.RawSubject, list.RawIssuer) || list.CheckSignatureFrom(c) != nil {
			continue
		}
		for _, entry := range list.RevokedCertificateEntries {
			a.revoked[revocation(list.RawIssuer, entry.SerialNumber.Bytes())] = struct{}{}
		}
		return nil
	}
	return fmt.Errorf("the list of %.100s is not signed by a certificate of the chain", list.Issuer)
}

// Subjects returns the names of those that may have signed a client's certificate, as its RawIssuer has them.
func (a *Authority) Subjects() []string {
	var names []string
	for _, c := range a.certificates {
		names = append(names, string(c.RawSubject))
	}
	return names
}

// Keys returns a hash of each public key that signs.
func (a *Authority) Keys() []string {
	var keys []string
	for _, c := range a.certificates {
		hash := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		keys = append(keys, hex.EncodeToString(hash[:]))
	}
	return keys
}

// Describe returns what the API shows of the certificates.
func (a *Authority) Describe() []orrery.AuthorityCertificate {
	var all []orrery.AuthorityCertificate
	for _, c := range a.certificates {
		all = append(all, orrery.AuthorityCertificate{
			Subject: c.Subject.String(), Fingerprint: fingerprint(c), SerialNumber: serialNumber(c), ExpiresAt: c.NotAfter.UTC(),
		})
	}
	return all
}

// Verify returns until when a client's certificate is good, or one of the errors above.
func (a *Authority) Verify(leaf *x509.Certificate, now time.Time) (until time.Time, err error) {
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: a.pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return time.Time{}, reason(err)
	}
	for _, chain := range chains { // of the leaf and one of ours each; the best counts
		ends, revoked := chain[0].NotAfter, false
		for _, c := range chain {
			if c.NotAfter.Before(ends) {
				ends = c.NotAfter
			}
			_, listed := a.revoked[revocation(c.RawIssuer, c.SerialNumber.Bytes())]
			revoked = revoked || listed
		}
		if !revoked && ends.After(until) {
			until = ends
		}
	}
	if until.IsZero() {
		return time.Time{}, ErrRevoked
	}
	return until, nil
}

func reason(err error) error {
	var invalid x509.CertificateInvalidError
	switch {
	case !errors.As(err, &invalid):
		return ErrUnknown
	case invalid.Reason == x509.Expired:
		return ErrExpired
	case invalid.Reason == x509.IncompatibleUsage, invalid.Reason == x509.NoValidChains: // of those that are signed
		return ErrPurpose
	}
	return ErrUnknown
}

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
	"time"

	"github.com/orrery-kafka/orrery"
)

// NewRequest makes a key and a request to sign it (PKCS #10), both in PEM. The key never leaves who made it.
func NewRequest() (keyPEM, requestPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: making a key: %w", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{Organization: []string{"Orrery"}}}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: making a certificate request: %w", err)
	}
	keyPEM, err = encodeKey(key)
	return keyPEM, pem.EncodeToMemory(&pem.Block{Type: requestType, Bytes: der}), err
}

const requestType = "CERTIFICATE REQUEST"

// maxPEM bounds what is parsed, in bytes: a chain of three certificates has 3 KiB.
const maxPEM = 64 << 10

// RequestedKey returns the public key of a certificate request, in the form of a certificate (PKIX, DER). The error is
// Invalid where it is not the request of an ECDSA P-256 key by who has that key.
func RequestedKey(requestPEM string) ([]byte, error) {
	key, err := requestedKey(requestPEM)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(key)
}

func requestedKey(requestPEM string) (*ecdsa.PublicKey, error) {
	if len(requestPEM) > maxPEM {
		return nil, orrery.Errorf(orrery.Invalid, "a certificate request has at most %d bytes", maxPEM)
	}
	block, rest := pem.Decode([]byte(requestPEM))
	if block == nil || block.Type != requestType || len(bytes.TrimSpace(rest)) > 0 {
		return nil, orrery.Errorf(orrery.Invalid, "it is not one PEM block -----BEGIN %s-----", requestType)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, orrery.Errorf(orrery.Invalid, "it is not a certificate request (PKCS #10): %v", err)
	}
	key, ok := request.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, orrery.Errorf(orrery.Invalid, "its key is not an ECDSA P-256 key")
	}
	if err := request.CheckSignature(); err != nil {
		return nil, orrery.Errorf(orrery.Invalid, "its signature is not by its key: %v", err)
	}
	return key, nil
}

// SignClient signs the key of a request as that of a client: commonName says who it is, unit (OU) where that counts. What
// else the request asks for is passed over. It returns the chain in PEM and when the leaf runs out.
func (a *Authority) SignClient(requestPEM, commonName, unit string, now time.Time) (chainPEM []byte, expires time.Time, err error) {
	key, err := requestedKey(requestPEM)
	if err != nil {
		return nil, time.Time{}, err
	}
	if expires = now.Add(LeafLifetime); a.certificate.NotAfter.Before(expires) {
		expires = a.certificate.NotAfter
	}
	template, err := newTemplate(commonName, now, expires)
	if err != nil {
		return nil, time.Time{}, err
	}
	template.Subject.OrganizationalUnit = []string{unit}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key, a.key)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("pki: signing the client certificate of %q: %w", commonName, err)
	}
	return encodeChain(append([][]byte{der}, a.chain...)), template.NotAfter, nil
}

// SignAuthority signs the key of a request as an authority for the permitted names only. It returns what a server sends
// after a leaf of it, in PEM, and when it runs out.
func (a *Authority) SignAuthority(requestPEM, commonName string, permitted Names, now time.Time) (chainPEM []byte, expires time.Time, err error) {
	key, err := requestedKey(requestPEM)
	if err != nil {
		return nil, time.Time{}, err
	}
	certificate, err := a.signIntermediate(commonName, key, permitted, now)
	if err != nil {
		return nil, time.Time{}, err
	}
	return encodeChain(append([][]byte{certificate.Raw}, a.chain...)), certificate.NotAfter, nil
}

func encodeChain(chain [][]byte) (out []byte) {
	for _, der := range chain {
		out = append(out, encodeCertificate(der)...)
	}
	return out
}

// ParseAuthority returns an authority that another one has signed: keyPEM is its key, chainPEM its certificate with what
// a server sends after it, and rootsPEM has the root that they lead to.
func ParseAuthority(keyPEM, chainPEM, rootsPEM []byte) (*Authority, error) {
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, err
	}
	chain, err := parseCertificates(chainPEM)
	if err != nil {
		return nil, err
	}
	roots, err := parseCertificates(rootsPEM)
	if err != nil {
		return nil, err
	}
	certificate := chain[0]
	if public, ok := certificate.PublicKey.(*ecdsa.PublicKey); !ok || !certificate.IsCA || !public.Equal(&key.PublicKey) {
		return nil, errors.New("pki: the certificate is not that of an authority with this key")
	}
	for _, root := range roots {
		if certificate.CheckSignatureFrom(root) != nil {
			continue
		}
		a := &Authority{certificate: certificate, key: key, root: root}
		for _, c := range chain {
			a.chain = append(a.chain, c.Raw)
		}
		return a, nil
	}
	return nil, errors.New("pki: none of the roots has signed the authority")
}

// ParseClient returns the certificate of a client from its key and the chain that SignClient returned.
func ParseClient(keyPEM, chainPEM []byte) (Certificate, error) {
	key, err := parseKey(keyPEM)
	if err != nil {
		return Certificate{}, err
	}
	chain, err := parseCertificates(chainPEM)
	if err != nil {
		return Certificate{}, err
	}
	if public, ok := chain[0].PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(&key.PublicKey) {
		return Certificate{}, errors.New("pki: the certificate and the key do not belong to each other")
	}
	var after [][]byte
	for _, c := range chain[1:] {
		after = append(after, c.Raw)
	}
	return assemble(chain[0].Raw, key, after)
}

func parseCertificates(text []byte) (found []*x509.Certificate, err error) {
	if len(text) > maxPEM {
		return nil, fmt.Errorf("pki: more than %d bytes of certificates", maxPEM)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("pki: reading a certificate: %w", err)
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New("pki: there is no certificate in PEM")
	}
	return found, nil
}

// GetClientCertificate is for the tls.Config of a client.
func (r *Reloader) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return r.GetCertificate(nil)
}

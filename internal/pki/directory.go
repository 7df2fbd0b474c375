package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery/internal/durable"
)

// The files of an authority's directory.
const (
	CertificateFile = "ca.pem"     // 0644; the root's is what clients are given
	KeyFile         = "ca-key.pem" // 0600
)

// OpenRoot opens the root authority in dir, and makes one where dir does not exist or is empty. Where a file is
// missing, cannot be read, does not parse, or does not belong to the other, it fails and says what to do: a new
// root is never made over an old one, because every client that trusts the old one would be cut off.
func OpenRoot(dir string, now time.Time) (*Authority, error) {
	return openRoot(dir, "Orrery root CA", now)
}

// OpenLinkAuthority opens, as OpenRoot does, the authority in dir that says who is who on the link. It is apart from the
// root, for an authority that a satellite holds must not be able to make another satellite's identity.
func OpenLinkAuthority(dir string, now time.Time) (*Authority, error) {
	return openRoot(dir, "Orrery link CA", now)
}

// OpenClusterAuthority opens, as OpenRoot does, the authority in dir that says who is who among the brokers of one
// physical cluster. It is apart from the root, for what a broker cannot take anew without a restart has to outlive every
// rollover, and what one cluster trusts must be nobody at another.
func OpenClusterAuthority(dir, physicalClusterID string, now time.Time) (*Authority, error) {
	return openRoot(dir, "Orrery "+physicalClusterID+" CA", now)
}

func openRoot(dir, commonName string, now time.Time) (*Authority, error) {
	fresh, err := empty(dir)
	if err != nil {
		return nil, err
	}
	if fresh {
		certificate, key, err := newRoot(commonName, now)
		if err != nil {
			return nil, err
		}
		if err := save(dir, encodeCertificate(certificate.Raw), key); err != nil {
			return nil, err
		}
	}
	certificates, key, err := load(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; restore both files from a backup, or, to start over with a new certificate authority that every client must be given again, move %s away", err, dir)
	}
	root := certificates[0]
	if err := root.CheckSignatureFrom(root); err != nil {
		return nil, fmt.Errorf("pki: %s does not hold a self-signed root: %w; restore it from a backup", filepath.Join(dir, CertificateFile), err)
	}
	if !now.Before(root.NotAfter) {
		return nil, fmt.Errorf("pki: the root certificate in %s ran out on %s; move the directory away to make a new authority, and give every client the new ca.pem",
			filepath.Join(dir, CertificateFile), root.NotAfter.Format(time.DateOnly))
	}
	return &Authority{certificate: root, key: key, root: root}, nil
}

// OpenIntermediate opens the authority that a satellite signs with, in dir; parent signs it where there is none
// yet, where it was signed by another root or for other names, or where a third of its life is left. Its key
// never leaves dir. A file that does not parse is an error and is left as it is.
func OpenIntermediate(dir string, parent *Authority, commonName string, permitted Names, now time.Time) (*Authority, error) {
	fresh, err := empty(dir)
	if err != nil {
		return nil, err
	}
	if !fresh {
		certificates, key, err := load(dir)
		if err != nil {
			return nil, fmt.Errorf("%w; move %s away and a new intermediate is signed by the same root: clients notice nothing", err, dir)
		}
		certificate := certificates[0]
		if certificate.CheckSignatureFrom(parent.certificate) == nil && permits(certificate, permitted) &&
			!NeedsRenewal(certificate.NotBefore, certificate.NotAfter, now) {
			return parent.subordinate(certificate, key), nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: making an intermediate key: %w", err)
	}
	certificate, err := parent.signIntermediate(commonName, &key.PublicKey, permitted, now)
	if err != nil {
		return nil, err
	}
	if err := save(dir, encodeCertificate(certificate.Raw), key); err != nil {
		return nil, err
	}
	return parent.subordinate(certificate, key), nil
}

func (a *Authority) subordinate(certificate *x509.Certificate, key *ecdsa.PrivateKey) *Authority {
	return &Authority{certificate: certificate, key: key, root: a.root, chain: append([][]byte{certificate.Raw}, a.chain...)}
}

func permits(certificate *x509.Certificate, permitted Names) bool {
	var ranges []string
	for _, ip := range permitted.IPs {
		ranges = append(ranges, exactly(ip).String())
	}
	var have []string
	for _, network := range certificate.PermittedIPRanges {
		have = append(have, network.String())
	}
	return slices.Equal(certificate.PermittedDNSDomains, permitted.DNS) && slices.Equal(have, ranges)
}

// empty reports whether dir does not exist or holds nothing.
func empty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("pki: reading the directory of the certificate authority: %w", err)
	}
	return len(entries) == 0, nil
}

func load(dir string) ([]*x509.Certificate, *ecdsa.PrivateKey, error) {
	certificatePath, keyPath := filepath.Join(dir, CertificateFile), filepath.Join(dir, KeyFile)
	certificatePEM, err := os.ReadFile(certificatePath)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: reading the certificate: %w", err)
	}
	block, _ := pem.Decode(certificatePEM)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, nil, fmt.Errorf("pki: %s holds no PEM certificate: it is damaged", certificatePath)
	}
	certificates, err := x509.ParseCertificates(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: %s is damaged: %w", certificatePath, err)
	}
	if len(certificates) != 1 || !certificates[0].IsCA {
		return nil, nil, fmt.Errorf("pki: %s is not the certificate of an authority", certificatePath)
	}
	key, err := loadKey(keyPath)
	if err != nil {
		return nil, nil, err
	}
	if public, ok := certificates[0].PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(&key.PublicKey) {
		return nil, nil, fmt.Errorf("pki: %s and %s do not belong to each other", certificatePath, keyPath)
	}
	return certificates, key, nil
}

func loadKey(path string) (*ecdsa.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("pki: reading the key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("pki: %s can be read by other users (mode %04o): run chmod 600 on it", path, mode)
	}
	keyPEM, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("pki: reading the key: %w", err)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is damaged", err, path)
	}
	return key, nil
}

func parseKey(keyPEM []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, errors.New("pki: there is no key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("pki: reading a key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("pki: it is not an ECDSA P-256 key")
	}
	return key, nil
}

// save puts key and certificate into dir, which holds nothing that is still needed. Both appear at once, by the
// rename of a directory: a crash leaves the old state, nothing, or the new one, never half an authority.
func save(dir string, certificatePEM []byte, key *ecdsa.PrivateKey) error {
	keyPEM, err := encodeKey(key)
	if err != nil {
		return err
	}
	fresh := dir + ".new"
	err = errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o700))
	if err == nil {
		err = errors.Join(
			durable.WriteFile(filepath.Join(fresh, KeyFile), keyPEM, 0o600),
			durable.WriteFile(filepath.Join(fresh, CertificateFile), certificatePEM, 0o644),
			os.RemoveAll(dir))
	}
	if err == nil {
		err = os.Rename(fresh, dir)
	}
	if err == nil {
		err = durable.SyncDirectory(filepath.Dir(dir))
	}
	if err != nil {
		return fmt.Errorf("pki: writing the certificate authority into %s: %w", dir, err)
	}
	return nil
}

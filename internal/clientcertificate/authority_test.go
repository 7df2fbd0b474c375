package clientcertificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/clientcertificate"
)

var now = time.Now()

// signer has a certificate, and signs others with its key.
type signer struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// sign makes a certificate of a template; s nil is one that signs itself.
func (s *signer) sign(t testing.TB, template *x509.Certificate) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber == nil {
		template.SerialNumber = big.NewInt(0x1a2b)
	}
	template.NotBefore = now.Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = now.Add(time.Hour)
	}
	by := &signer{template, key}
	if s != nil {
		by = s
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{made, key}
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
}

func leaf() *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: "svc"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

func chain(signers ...*signer) string {
	var text strings.Builder
	for _, s := range signers {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Raw}))
	}
	return text.String()
}

func (s *signer) list(t testing.TB, revoked ...*signer) string {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
	for _, r := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: now})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, s.Certificate, s.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

func TestVerify(t *testing.T) {
	root := (*signer)(nil).sign(t, authority("root"))
	between := root.sign(t, authority("between"))
	brief := (*signer)(nil).sign(t, func() *x509.Certificate { a := authority("brief"); a.NotAfter = now.Add(time.Minute); return a }())
	both, err := clientcertificate.Parse("ours, of 2026\n"+chain(root, between, brief), "")
	if err != nil {
		t.Fatal(err)
	}
	only, err := clientcertificate.Parse(chain(between), "")
	if err != nil {
		t.Fatal(err)
	}
	client := between.sign(t, leaf())
	revoked := between.sign(t, func() *x509.Certificate { l := leaf(); l.SerialNumber = big.NewInt(77); return l }())
	with, err := clientcertificate.Parse(chain(root, between), between.list(t, revoked))
	if err != nil {
		t.Fatal(err)
	}
	withoutBetween, err := clientcertificate.Parse(chain(root, between), root.list(t, between))
	if err != nil {
		t.Fatal(err)
	}
	server := root.sign(t, func() *x509.Certificate {
		l := leaf()
		l.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		return l
	}())
	for name, test := range map[string]struct {
		by   *clientcertificate.Authority
		leaf *signer
		at   time.Time
		want error
		ends time.Time
	}{
		"by the root":             {both, root.sign(t, leaf()), now, nil, now.Add(time.Hour)},
		"by the one between":      {both, client, now, nil, now.Add(time.Hour)},
		"without the root":        {only, client, now, nil, now.Add(time.Hour)},
		"by another":              {only, root.sign(t, leaf()), now, clientcertificate.ErrUnknown, time.Time{}},
		"by one of the same name": {both, (*signer)(nil).sign(t, authority("root")).sign(t, leaf()), now, clientcertificate.ErrUnknown, time.Time{}},
		"ends with its signer":    {both, brief.sign(t, leaf()), now, nil, now.Add(time.Minute)},
		"its signer has ended":    {both, brief.sign(t, leaf()), now.Add(2 * time.Minute), clientcertificate.ErrExpired, time.Time{}},
		"too late":                {both, client, now.Add(2 * time.Hour), clientcertificate.ErrExpired, time.Time{}},
		"too early":               {both, client, now.Add(-2 * time.Hour), clientcertificate.ErrExpired, time.Time{}},
		"a server's":              {both, server, now, clientcertificate.ErrPurpose, time.Time{}},
		"no purpose is any":       {both, root.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "x"}}), now, nil, now.Add(time.Hour)},
		"revoked":                 {with, revoked, now, clientcertificate.ErrRevoked, time.Time{}},
		"another is revoked":      {with, client, now, nil, now.Add(time.Hour)},
		"its signer is revoked":   {withoutBetween, client, now, clientcertificate.ErrRevoked, time.Time{}},
	} {
		until, err := test.by.Verify(test.leaf.Certificate, test.at)
		if !errors.Is(err, test.want) || !until.Equal(test.ends.Truncate(time.Second)) && test.want == nil {
			t.Errorf("%s: good until %s, %v; want %s, %v", name, until, err, test.ends, test.want)
		}
	}
}

func TestRefusedUploads(t *testing.T) {
	root, other := (*signer)(nil).sign(t, authority("root")), (*signer)(nil).sign(t, authority("other"))
	good, key := chain(root), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}))
	many := make([]*signer, clientcertificate.MaxCertificates+1)
	for i := range many {
		many[i] = root
	}
	for name, test := range map[string]struct{ chain, lists, pointer, says string }{
		"nothing":          {"", "", "/certificate_chain", "holds no certificate"},
		"text":             {"hello", "", "/certificate_chain", "holds no certificate"},
		"a client's":       {chain(root.sign(t, leaf())), "", "/certificate_chain", "is not one of a certificate authority"},
		"no subject":       {chain((*signer)(nil).sign(t, authority(""))), "", "/certificate_chain", "has no subject"},
		"a key":            {good + key, "", "/certificate_chain", "only \"CERTIFICATE\" may be"},
		"damaged":          {good + "-----BEGIN CERTIFICATE-----\n!", "", "/certificate_chain", "damaged"},
		"not DER":          {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), "", "/certificate_chain", "cannot be read"},
		"too many":         {chain(many...), "", "/certificate_chain", "more than 10"},
		"too long":         {strings.Repeat(" ", clientcertificate.MaxChain+1), "", "/certificate_chain", "at most 65536"},
		"another's list":   {good, other.list(t), "/crl_chain", "not signed by"},
		"a list of a name": {good, (*signer)(nil).sign(t, authority("root")).list(t), "/crl_chain", "not signed by"},
		"no list":          {good, good, "/crl_chain", "only \"X509 CRL\" may be"},
		"long lists":       {good, strings.Repeat(" ", clientcertificate.MaxLists+1), "/crl_chain", "at most 262144"},
	} {
		_, err := clientcertificate.Parse(test.chain, test.lists)
		var invalid *orrery.Error
		if !errors.As(err, &invalid) || invalid.Code != orrery.Invalid || invalid.Pointer != test.pointer || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAttributes(t *testing.T) {
	template := leaf()
	template.Subject = pkix.Name{
		CommonName: "svc", Organization: []string{"Example"}, OrganizationalUnit: []string{"one", "two"}, Country: []string{"DE"},
		ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: "u1"}},
	}
	template.DNSNames, template.IPAddresses = []string{"a.example"}, []net.IP{net.IPv4(10, 0, 0, 1)}
	template.URIs = []*url.URL{{Scheme: "spiffe", Host: "example", Path: "/svc"}}
	c := (*signer)(nil).sign(t, template).Certificate
	for identifier, want := range map[string]string{"CN": "svc", "O": "Example", "OU": "one,two", "C": "DE", "UID": "u1", "L": "", "SNID": "1a2b", "none": ""} {
		if got := clientcertificate.Attribute(c, identifier); got != want {
			t.Errorf("%s is %q, want %q", identifier, got, want)
		}
	}
	if got := clientcertificate.Attribute(c, "SHA1"); len(got) != 40 {
		t.Errorf("the fingerprint is %q", got)
	}
	if got := clientcertificate.AlternativeNames(c); !slices.Equal(got, []string{"a.example", "10.0.0.1", "spiffe://example/svc"}) {
		t.Errorf("the names are %q", got)
	}
}

// FuzzParse: whatever is uploaded, there is an authority or an error about one of the two fields.
func FuzzParse(f *testing.F) {
	root := (*signer)(nil).sign(f, authority("root"))
	f.Add(chain(root), root.list(f))
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "")
	f.Fuzz(func(t *testing.T, chain, lists string) {
		a, err := clientcertificate.Parse(chain, lists)
		if err != nil {
			var invalid *orrery.Error
			if !errors.As(err, &invalid) || invalid.Code != orrery.Invalid {
				t.Fatal(err)
			}
			return
		}
		if len(a.Keys()) == 0 || len(a.Subjects()) != len(a.Describe()) {
			t.Fatalf("%+v", a)
		}
	})
}

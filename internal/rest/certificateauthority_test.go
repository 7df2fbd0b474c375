package rest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// authorityPEM makes a certificate authority, fit for a JSON string.
func authorityPEM(t testing.TB, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), "\n", `\n`)
}

// TestCertificateAuthorities drives certificate authorities and their pools as the public service's SDK does: POST and
// PUT, the latter with all that was read. That SDK's module cannot be had from the module proxy.
func TestCertificateAuthorities(t *testing.T) {
	p := newPlatform(t, nil)
	cluster := p.cluster("c")
	const path = "/iam/v2/certificate-authorities"
	chain := authorityPEM(t, "ours")
	created := p.send(p.admin, "POST", path, `{"display_name":"ours","description":"","certificate_chain":"`+chain+`","certificate_chain_filename":"ours.pem"}`).
		want(t, 201, `"kind":"CertificateAuthority"`, `"state":"ENABLED"`, `"certificate_chain_filename":"ours.pem"`, `"serial_numbers":["abc"]`,
			`"expiration_dates":["2099-01-02T03:04:05Z"]`, `"subjects":["CN=ours"]`)
	id := created.field(t, "id")
	if !strings.HasPrefix(id, "op-") || strings.Contains(created.body, "crl_source") {
		t.Errorf("%s", created.body)
	}
	p.send(p.admin, "POST", path, `{"display_name":"ours","certificate_chain":"`+chain+`"}`).want(t, 409)
	p.send(p.admin, "POST", path, `{"display_name":"bad","certificate_chain":"x"}`).want(t, 400, "/certificate_chain")
	p.send(p.admin, "POST", path, `{"display_name":"bad","certificate_chain":"`+chain+`","crl_url":"https://crl.example"}`).want(t, 400, "/crl_url")
	p.send(p.admin, "PUT", path+"/"+id, `{"id":"`+id+`","kind":"CertificateAuthority","display_name":"ours","description":"all","certificate_chain":"`+authorityPEM(t, "next")+chain+`"}`).
		want(t, 200, `"subjects":["CN=next","CN=ours"]`, `"description":"all"`)
	p.send(p.admin, "GET", path, "").want(t, 200, id)
	p.send(p.admin, "PUT", path+"/op-none", `{"description":"x"}`).want(t, 404)

	pools := path + "/" + id + "/identity-pools"
	pool := p.send(p.admin, "POST", pools, `{"display_name":"apps","description":"","external_identifier":"CN","filter":"CN.startsWith(\"svc-\")","logical_cluster":"`+cluster+`"}`).
		want(t, 201, `"kind":"CertificateIdentityPool"`, `"external_identifier":"CN"`, `"logical_cluster":"`+cluster+`"`).field(t, "id")
	p.send(p.admin, "POST", pools, `{"display_name":"bad","external_identifier":"XX","filter":"true"}`).want(t, 400, "/external_identifier")
	p.send(p.admin, "POST", pools, `{"display_name":"bad","external_identifier":"CN","filter":"claims.sub"}`).want(t, 400, "/filter")
	p.send(p.admin, "PUT", pools+"/"+pool, `{"id":"`+pool+`","filter":"true","logical_cluster":""}`).want(t, 200, `"filter":"true"`, `"logical_cluster":""`, `"principal":"`+pool+`"`)
	p.send(p.admin, "GET", pools, "").want(t, 200, pool)
	p.send(p.admin, "GET", "/iam/v2/identity-providers/"+id+"/identity-pools/"+pool, "").want(t, 404)
	p.send(p.admin, "DELETE", path+"/"+id, "").want(t, 409, "has 1 identity pools")
	p.send(p.admin, "DELETE", pools+"/"+pool, "").want(t, 204)
	p.send(p.admin, "DELETE", path+"/"+id, "").want(t, 204)
	p.send(p.admin, "GET", path+"/"+id, "").want(t, 404)
}

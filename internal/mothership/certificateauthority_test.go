package mothership_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// authorityPEM makes a certificate authority.
func authorityPEM(t testing.TB, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestCertificateAuthorityReachesTheClusters with its pools, changes there, and goes away with the deletion.
func TestCertificateAuthorityReachesTheClusters(t *testing.T) {
	for name, f := range map[string]fixture{"memory": {}, "sqlite": {sqlite: true}} {
		t.Run(name, func(t *testing.T) {
			p := start(t, f)
			c := p.usableCluster("orders", orrery.TypeBasic)
			chain := authorityPEM(t, "ours")
			a, err := p.m.CreateCertificateAuthority(t.Context(), p.admin, mothership.CertificateAuthorityInput{DisplayName: "ours", CertificateChain: chain, Filename: "ours.pem"})
			p.ok(err)
			if a.State.Phase != orrery.PhasePending || len(a.Certificates) != 1 || a.Certificates[0].Subject != "CN=ours" {
				t.Fatalf("%+v", a)
			}
			owner := mothership.PoolOwner{ID: a.ID, Certificates: true}
			pool, err := p.m.CreateIdentityPool(t.Context(), p.admin, owner, mothership.IdentityPoolInput{DisplayName: "apps", IdentityClaim: "CN", Filter: `O == "Example"`, LogicalClusterID: c.ID})
			p.ok(err)
			p.settle()
			onAuthority, onPool := "certificate-authority/"+c.PhysicalClusterID+"/"+a.ID, "identity-pool/"+c.PhysicalClusterID+"/"+pool.ID
			var got tenancy.CertificateAuthority
			p.ok(json.Unmarshal(p.satellite.known[onAuthority].Content, &got))
			if got.CertificateChain != chain || got.OrganizationID != c.OrganizationID || got.CertificateAuthorityID != a.ID {
				t.Errorf("%+v", got)
			}
			var gotPool tenancy.IdentityPool
			p.ok(json.Unmarshal(p.satellite.known[onPool].Content, &gotPool))
			if !gotPool.Certificates || gotPool.LogicalClusterID != c.ID || gotPool.IdentityProviderID != a.ID || !gotPool.CreatedAt.Equal(pool.CreatedAt) {
				t.Errorf("%+v", gotPool)
			}
			both := chain + authorityPEM(t, "next")
			a, err = p.m.UpdateCertificateAuthority(t.Context(), p.admin, a.ID, mothership.CertificateAuthorityChange{CertificateChain: &both})
			p.ok(err)
			if reason, err := p.m.CertificateAuthorityAwaits(t.Context(), a.ID); err != nil || reason == "" || len(a.Keys) != 2 {
				t.Errorf("a change that was not sent waits for %q, %v; %d keys", reason, err, len(a.Keys))
			}
			p.settle()
			if reason, err := p.m.CertificateAuthorityAwaits(t.Context(), a.ID); err != nil || reason != "" {
				t.Errorf("a change that is applied waits for %q, %v", reason, err)
			}

			_, err = p.m.DeleteCertificateAuthority(t.Context(), p.admin, a.ID)
			p.fails(err, orrery.Conflict)
			_, err = p.m.DeleteIdentityPool(t.Context(), p.admin, mothership.PoolOwner{ID: a.ID}, pool.ID) // by the path of the other kind
			p.fails(err, orrery.NotFound)
			_, err = p.m.DeleteIdentityPool(t.Context(), p.admin, owner, pool.ID)
			p.ok(err)
			_, err = p.m.DeleteCertificateAuthority(t.Context(), p.admin, a.ID)
			p.ok(err)
			p.settle()
			for _, key := range []string{onAuthority, onPool} {
				if _, left := p.satellite.known[key]; left {
					t.Errorf("%s is left", key)
				}
			}
			if state, err := p.m.CertificateAuthorityState(t.Context(), a.ID); orrery.ErrorCode(err) != orrery.NotFound {
				t.Errorf("it is %+v, %v", state, err)
			}
		})
	}
}

// TestOneOwnerOfAKey: a key signs for one organization, and so does each in a chain, until it is deleted there.
func TestOneOwnerOfAKey(t *testing.T) {
	p := start(t, fixture{})
	mine, theirs := authorityPEM(t, "mine"), authorityPEM(t, "theirs")
	in := mothership.CertificateAuthorityInput{DisplayName: "ours", CertificateChain: mine}
	first, err := p.m.CreateCertificateAuthority(t.Context(), p.admin, in)
	p.ok(err)
	stranger := p.stranger()
	in.CertificateChain = theirs + mine
	_, err = p.m.CreateCertificateAuthority(t.Context(), stranger, in)
	p.fails(err, orrery.Conflict)
	in.CertificateChain = theirs
	second, err := p.m.CreateCertificateAuthority(t.Context(), stranger, in)
	p.ok(err)
	_, err = p.m.UpdateCertificateAuthority(t.Context(), stranger, second.ID, mothership.CertificateAuthorityChange{CertificateChain: &mine})
	p.fails(err, orrery.Conflict)
	in.DisplayName = "again" // the same organization may have a key twice
	in.CertificateChain = mine
	again, err := p.m.CreateCertificateAuthority(t.Context(), p.admin, in)
	p.ok(err)
	for _, id := range []string{first.ID, again.ID} {
		_, err = p.m.DeleteCertificateAuthority(t.Context(), p.admin, id)
		p.ok(err)
	}
	p.settle()
	_, err = p.m.UpdateCertificateAuthority(t.Context(), stranger, second.ID, mothership.CertificateAuthorityChange{CertificateChain: &mine})
	p.ok(err)
}

func TestCertificateAuthorityInput(t *testing.T) {
	limits := mothership.DefaultLimits()
	limits.CertificateAuthoritiesPerOrganization = 1
	p := start(t, fixture{limits: limits})
	good := mothership.CertificateAuthorityInput{DisplayName: "ours", CertificateChain: authorityPEM(t, "ours")}
	for name, change := range map[string]func(*mothership.CertificateAuthorityInput){
		"no name":      func(in *mothership.CertificateAuthorityInput) { in.DisplayName = "" },
		"no chain":     func(in *mothership.CertificateAuthorityInput) { in.CertificateChain = "" },
		"a file name":  func(in *mothership.CertificateAuthorityInput) { in.Filename = "a\nb" },
		"no list":      func(in *mothership.CertificateAuthorityInput) { in.RevocationLists = in.CertificateChain },
		"a long chain": func(in *mothership.CertificateAuthorityInput) { in.CertificateChain += string(make([]byte, 65536)) },
	} {
		in := good
		change(&in)
		if _, err := p.m.CreateCertificateAuthority(t.Context(), p.admin, in); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, err := p.m.CreateCertificateAuthority(t.Context(), p.admin, good)
	p.ok(err)
	_, err = p.m.CreateCertificateAuthority(t.Context(), p.admin, good)
	p.fails(err, orrery.Conflict)
	good.DisplayName = "another"
	_, err = p.m.CreateCertificateAuthority(t.Context(), p.admin, good)
	p.fails(err, orrery.LimitExceeded)

	owner := mothership.PoolOwner{ID: a.ID, Certificates: true}
	pool := mothership.IdentityPoolInput{DisplayName: "apps", IdentityClaim: "CN", Filter: "true"}
	for name, change := range map[string]func(*mothership.IdentityPoolInput){
		"claims":            func(in *mothership.IdentityPoolInput) { in.Filter = `claims.sub == "x"` },
		"no filter":         func(in *mothership.IdentityPoolInput) { in.Filter = "" },
		"not true or false": func(in *mothership.IdentityPoolInput) { in.Filter = "CN" },
		"a claim":           func(in *mothership.IdentityPoolInput) { in.IdentityClaim = "claims.sub" },
		"no cluster":        func(in *mothership.IdentityPoolInput) { in.LogicalClusterID = "lkc-none" },
	} {
		in := pool
		change(&in)
		if _, err := p.m.CreateIdentityPool(t.Context(), p.admin, owner, in); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = p.m.CreateIdentityPool(t.Context(), p.admin, mothership.PoolOwner{ID: a.ID}, pool)
	p.fails(err, orrery.NotFound)
}

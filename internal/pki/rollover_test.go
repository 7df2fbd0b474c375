package pki_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// presented is what a server sends that has a leaf of the roots' satellite.
func presented(t *testing.T, roots *pki.Roots, intermediate string) []*x509.Certificate {
	t.Helper()
	between, err := pki.OpenIntermediate(intermediate, roots.Signer(), "sat-a", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issued, err := between.Issue("gateway", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var chain []*x509.Certificate
	for _, der := range issued.TLS.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, c)
	}
	return chain
}

// trusts reports whether a client with a CA file takes what a server sends.
func trusts(caFile string, chain []*x509.Certificate) bool {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(caFile))
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: "127.0.0.1"})
	return err == nil
}

// TestRollover: who trusts the old root goes on until it is dropped, who trusts the new one can from when it signs, and
// who took the CA file in between always can; after each step, and after each crash in one, the rollover goes on.
func TestRollover(t *testing.T) {
	dir, satellite := filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "satellite")
	open := func() *pki.Roots {
		t.Helper()
		roots, err := pki.OpenRoots(dir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return roots
	}
	roots := open()
	old := roots.Describe().CAFile
	step := func(step orrery.RootStep, want orrery.RootPhase, certificates int) string {
		t.Helper()
		for range 2 { // the second time there is nothing to do
			if err := roots.Step(step, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		roots = open()
		got := roots.Describe()
		if roots.Phase() != want || got.Phase != want || len(got.Certificates) != certificates {
			t.Fatalf("after %s: %+v", step, got)
		}
		return got.CAFile
	}
	refused := func(step orrery.RootStep) {
		t.Helper()
		if err := roots.Step(step, time.Now()); orrery.ErrorCode(err) != orrery.Conflict {
			t.Errorf("%s in phase %s: %v", step, roots.Phase(), err)
		}
	}
	before := presented(t, roots, satellite)
	refused(orrery.RootIssue)
	both := step(orrery.RootTrust, orrery.RootTrusting, 2)
	refused(orrery.RootDrop)
	trusting := presented(t, roots, satellite)
	step(orrery.RootIssue, orrery.RootIssuing, 2)
	refused(orrery.RootTrust)
	issuing := presented(t, roots, satellite)
	after := step(orrery.RootDrop, orrery.RootSteady, 1)
	refused(orrery.RootIssue)
	dropped := presented(t, roots, satellite)
	for _, c := range []struct {
		client                             string
		caFile                             string
		before, trusting, issuing, dropped bool
	}{
		{"the old root", old, true, true, true, false},
		{"both", both, true, true, true, true},
		{"the new root", after, false, false, true, true},
	} {
		got := [4]bool{trusts(c.caFile, before), trusts(c.caFile, trusting), trusts(c.caFile, issuing), trusts(c.caFile, dropped)}
		if want := [4]bool{c.before, c.trusting, c.issuing, c.dropped}; got != want {
			t.Errorf("a client that trusts %s takes what is presented in the four phases: %v, want %v", c.client, got, want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v is left", entries, err)
	}
}

// TestRolloverAfterACrash: a crash between the renames of a step leaves what opening completes.
func TestRolloverAfterACrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	roots, err := pki.OpenRoots(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	old := roots.Describe().Certificates[0]
	if err := roots.Step(orrery.RootTrust, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".previous"); err != nil {
		t.Fatal(err)
	}
	if roots, err = pki.OpenRoots(dir, time.Now()); err != nil || roots.Phase() != orrery.RootIssuing || roots.Describe().Certificates[1] != old {
		t.Fatalf("in the middle of ISSUE: %+v, %v", roots, err)
	}
	if err := os.Rename(dir+".previous", dir+".dropped"); err != nil {
		t.Fatal(err)
	}
	if roots, err = pki.OpenRoots(dir, time.Now()); err != nil || roots.Phase() != orrery.RootSteady {
		t.Fatalf("in the middle of DROP: %+v, %v", roots, err)
	}
	for _, step := range []orrery.RootStep{orrery.RootTrust, orrery.RootIssue, orrery.RootDrop} { // what is left is in nobody's way
		if err := roots.Step(step, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for _, damage := range []string{".next", ".previous"} {
		if err := os.Mkdir(dir+damage, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := pki.OpenRoots(dir, time.Now()); err == nil {
			t.Errorf("an empty %s is opened", damage)
		}
	}
	if _, err := pki.OpenRoots(dir, time.Now()); err == nil {
		t.Error("two roots beside the root are opened")
	}
}

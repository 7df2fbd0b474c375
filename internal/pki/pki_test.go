package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/pki"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func authorities(t *testing.T) (dir string, root, intermediate *pki.Authority) {
	t.Helper()
	dir = t.TempDir()
	root, err := pki.OpenRoot(filepath.Join(dir, "pki"), now)
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err = pki.OpenIntermediate(filepath.Join(dir, "satellite"), root, "Orrery sat-1", pki.Loopback(), now)
	if err != nil {
		t.Fatal(err)
	}
	return dir, root, intermediate
}

func verify(root *pki.Authority, c pki.Certificate, name string) error {
	intermediates := x509.NewCertPool()
	for _, der := range c.TLS.Certificate[1:] {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		intermediates.AddCert(parsed)
	}
	_, err := c.TLS.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: root.Root(), Intermediates: intermediates, CurrentTime: now})
	return err
}

func TestLeafOfIntermediateIsTrustedForItsNamesOnly(t *testing.T) {
	_, root, intermediate := authorities(t)
	leaf, err := intermediate.Issue("pkc-1 gateway", pki.Loopback(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := verify(root, leaf, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := verify(root, leaf, "example.org"); err == nil {
		t.Error("the certificate is good for example.org too")
	}
	for _, names := range []pki.Names{{DNS: []string{"example.org"}}, {IPs: []net.IP{net.IPv4(127, 0, 0, 2)}}, {IPs: []net.IP{net.IPv4(10, 0, 0, 1)}}} {
		outside, err := intermediate.Issue("outside", names, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(root, outside, ""); err == nil {
			t.Errorf("the name constraints let %v pass", names)
		}
	}
	if got := leaf.Expires.Sub(now); got != pki.LeafLifetime {
		t.Errorf("the leaf lives for %s", got)
	}
	if got := now.Sub(leaf.Issued); got != time.Hour {
		t.Errorf("NotBefore is %s back; a clock that is behind by less than an hour must do", got)
	}
}

func TestOpenSSLAcceptsTheChain(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl on this host")
	}
	dir, root, intermediate := authorities(t)
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	check := func(c pki.Certificate, arguments ...string) (string, error) {
		chain := write("chain.pem", c.ChainPEM())
		arguments = append([]string{"verify", "-x509_strict", "-purpose", "sslserver", "-attime", "1795348800", "-CAfile", write("ca.pem", root.RootPEM()), "-untrusted", chain}, arguments...)
		out, err := exec.Command(openssl, append(arguments, chain)...).CombinedOutput()
		return string(out), err
	}
	good, err := intermediate.Issue("pkc-1 gateway", pki.Loopback(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range [][]string{{"-verify_hostname", "localhost"}, {"-verify_ip", "127.0.0.1"}, {"-verify_ip", "::1"}} {
		if out, err := check(good, name...); err != nil {
			t.Errorf("openssl refuses %v: %s", name, out)
		}
	}
	bad, err := intermediate.Issue("outside", pki.Names{DNS: []string{"example.org"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := check(bad); err == nil {
		t.Errorf("openssl accepts a name outside the constraints: %s", out)
	}
}

func TestTheSameAuthorityIsOpenedAgain(t *testing.T) {
	dir, root, intermediate := authorities(t)
	again, err := pki.OpenRoot(filepath.Join(dir, "pki"), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if string(again.RootPEM()) != string(root.RootPEM()) {
		t.Error("a new root was made")
	}
	same, err := pki.OpenIntermediate(filepath.Join(dir, "satellite"), again, "Orrery sat-1", pki.Loopback(), now)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := intermediate.Issue("a", pki.Loopback(), now)
	b, _ := same.Issue("b", pki.Loopback(), now)
	if string(a.TLS.Certificate[1]) != string(b.TLS.Certificate[1]) {
		t.Error("a new intermediate was made")
	}
	late := now.Add(pki.IntermediateLifetime * 3 / 4)
	renewed, err := pki.OpenIntermediate(filepath.Join(dir, "satellite"), again, "Orrery sat-1", pki.Loopback(), late)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := renewed.Issue("c", pki.Loopback(), late)
	if string(a.TLS.Certificate[1]) == string(c.TLS.Certificate[1]) {
		t.Error("the intermediate was not renewed with a quarter of its life left")
	}
	info, err := os.Stat(filepath.Join(dir, "pki", pki.KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v, %v", info.Mode(), err)
	}
}

func TestDamageIsRefusedAndNothingIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"no key":         {func(dir string) error { return os.Remove(filepath.Join(dir, pki.KeyFile)) }, "restore both files from a backup"},
		"no certificate": {func(dir string) error { return os.Remove(filepath.Join(dir, pki.CertificateFile)) }, "restore both files from a backup"},
		"garbage": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, pki.CertificateFile), []byte("garbage"), 0o644)
		}, "damaged"},
		"truncated":        {func(dir string) error { return os.Truncate(filepath.Join(dir, pki.CertificateFile), 200) }, "damaged"},
		"empty key":        {func(dir string) error { return os.Truncate(filepath.Join(dir, pki.KeyFile), 0) }, "damaged"},
		"key for everyone": {func(dir string) error { return os.Chmod(filepath.Join(dir, pki.KeyFile), 0o644) }, "chmod 600"},
		"another key": {func(dir string) error {
			other := filepath.Join(filepath.Dir(dir), "other")
			if _, err := pki.OpenRoot(other, now); err != nil {
				return err
			}
			return os.Rename(filepath.Join(other, pki.KeyFile), filepath.Join(dir, pki.KeyFile))
		}, "do not belong to each other"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _, _ := authorities(t)
			dir = filepath.Join(dir, "pki")
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			before := content(t, dir)
			_, err := pki.OpenRoot(dir, now)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
			if after := content(t, dir); after != before {
				t.Error("the directory was changed")
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		dir, _, _ := authorities(t)
		if _, err := pki.OpenRoot(filepath.Join(dir, "pki"), now.Add(pki.RootLifetime+time.Hour)); err == nil || !strings.Contains(err.Error(), "ran out") {
			t.Errorf("got %v", err)
		}
	})
}

func content(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(e.Name() + "\n" + string(b) + "\n")
	}
	return all.String()
}

func TestNeedsRenewal(t *testing.T) {
	issued := now
	expires := now.Add(90 * 24 * time.Hour)
	for after, want := range map[time.Duration]bool{0: false, 59 * 24 * time.Hour: false, 60 * 24 * time.Hour: true, 100 * 24 * time.Hour: true} {
		if got := pki.NeedsRenewal(issued, expires, now.Add(after)); got != want {
			t.Errorf("after %s: %v", after, got)
		}
	}
}

// A connection that is open while the certificate is swapped goes on, and the next one sees the new certificate.
func TestReloaderSwapsInPlace(t *testing.T) {
	_, root, intermediate := authorities(t)
	var reloader pki.Reloader
	if _, err := reloader.GetCertificate(nil); err == nil {
		t.Error("a reloader without a certificate served one")
	}
	issue := func() pki.Certificate {
		c, err := intermediate.Issue("gateway", pki.Loopback(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		reloader.Swap(c)
		return c
	}
	first := issue()
	l, err := tls.Listen("tcp", "127.0.0.1:0", reloader.ServerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	dial := func() *tls.Conn {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: root.Root()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	echo := func(c *tls.Conn) {
		t.Helper()
		b := []byte{42}
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	old := dial()
	echo(old)
	second := issue()
	echo(old)
	fresh := dial()
	echo(fresh)
	if got := old.ConnectionState().PeerCertificates[0]; !got.Equal(first.TLS.Leaf) {
		t.Error("the first connection did not see the first certificate")
	}
	if got := fresh.ConnectionState().PeerCertificates[0]; !got.Equal(second.TLS.Leaf) {
		t.Error("the second connection did not see the second certificate")
	}
}

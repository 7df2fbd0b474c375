package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// TestCertificatesAreRenewedUnderLoad has clients connect without a break while certificates are renewed, and half way
// another authority takes over, which clients trust before: no handshake fails, each certificate is seen, and a
// connection from before all of that goes on. 400 handshakes and 5 renewals, or with ORRERY_SOAK=1 10,000 and 20.
func TestCertificatesAreRenewedUnderLoad(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	handshakes, renewals := 400, 5
	if soak() {
		handshakes, renewals = 10_000, 20
	}
	authorities := [2]*pki.Authority{}
	trusted := x509.NewCertPool()
	for i := range authorities {
		authority, err := pki.OpenRoot(t.TempDir(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		authorities[i] = authority
		trusted.AppendCertsFromPEM(authority.RootPEM())
	}
	var reloader pki.Reloader
	renew := func(authority *pki.Authority) {
		certificate, err := authority.Issue("gateway", pki.Loopback(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		reloader.Swap(certificate)
	}
	renew(authorities[0])
	c := gatewaytest.Start(t, gatewaytest.Options{ServerTLS: reloader.ServerConfig()})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	client := &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12, ServerName: "127.0.0.1"}
	dial := func() (*tls.Conn, error) { return tls.Dial("tcp", c.Endpoints.Bootstrap, client) }
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	old := rawOver(t, conn)
	if response := old.logIn(key.ID, key.Secret); response.ErrorCode != 0 {
		t.Fatalf("logging in: %s", *response.ErrorMessage)
	}

	done := make(chan string) // the serial number that each client saw; they do not run ahead of the renewals
	var connecting sync.WaitGroup
	for range 4 {
		connecting.Go(func() {
			for range handshakes / 4 {
				conn, err := dial()
				if err != nil {
					t.Errorf("a handshake: %v", err)
					done <- ""
					continue
				}
				done <- conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
				conn.Close()
			}
		})
	}
	seen := map[string]bool{}
	for renewed := range renewals {
		for range handshakes / (renewals + 1) {
			seen[<-done] = true
		}
		renew(authorities[renewed*2/renewals])
		old.conn.SetDeadline(time.Now().Add(patience))
		old.ask(kmsg.NewPtrMetadataRequest())
	}
	go func() {
		connecting.Wait()
		close(done)
	}()
	for serial := range done {
		seen[serial] = true
	}
	if len(seen) != renewals+1 || seen[""] {
		t.Errorf("%d certificates were seen, want %d", len(seen), renewals+1)
	}
	if now, err := dial(); err != nil {
		t.Error(err)
	} else {
		now.Close()
		if _, err := now.ConnectionState().PeerCertificates[0].Verify(x509.VerifyOptions{Roots: authorities[1].Root()}); err != nil {
			t.Errorf("the second authority has not taken over: %v", err)
		}
	}
}

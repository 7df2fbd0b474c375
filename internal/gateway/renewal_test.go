package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// serving is a satellite's certificate authority below a root that is replaced, and what gateways present of it.
type serving struct {
	t            *testing.T
	roots        *pki.Roots
	intermediate string
	reloader     pki.Reloader
	// newest is what a client trusts that has just taken the CA file.
	newest atomic.Pointer[tls.Config]
}

func newServing(t *testing.T) *serving {
	t.Helper()
	roots, err := pki.OpenRoots(filepath.Join(t.TempDir(), "root"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{t: t, roots: roots, intermediate: filepath.Join(t.TempDir(), "satellite")}
	s.renew()
	return s
}

// renew presents a new certificate.
func (s *serving) renew() {
	s.t.Helper()
	between, err := pki.OpenIntermediate(s.intermediate, s.roots.Signer(), "satellite", pki.Loopback(), time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	certificate, err := between.Issue("gateway", pki.Loopback(), time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	s.reloader.Swap(certificate)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(s.roots.Describe().CAFile))
	s.newest.Store(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, ServerName: "127.0.0.1"})
}

func (s *serving) step(step orrery.RootStep) {
	s.t.Helper()
	if err := s.roots.Step(step, time.Now()); err != nil {
		s.t.Fatal(err)
	}
}

// keepBusy asks on connections without a break until it is told to stop.
func keepBusy(sessions []*rawClient, stop chan struct{}) *sync.WaitGroup {
	var busy sync.WaitGroup
	for _, r := range sessions {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r.conn.SetDeadline(time.Now().Add(20 * time.Second))
				r.clusterSeen()
			}
		})
	}
	return &busy
}

// TestCertificatesAreRenewedUnderLoad has clients connect without a break while certificates are renewed, and meanwhile
// the root authority is replaced: no handshake fails, neither of those who trust only the old root nor of those who have
// the newest CA file, each certificate is seen, and sessions from before, by API key and by certificate, go on at work.
// Then the old root is dropped. 500 handshakes and 5 renewals, or with ORRERY_SOAK=1 10,000 and 20.
func TestCertificatesAreRenewedUnderLoad(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	handshakes, renewals := 500, 5
	if soak() {
		handshakes, renewals = 10_000, 20
	}
	s := newServing(t)
	old := s.newest.Load()
	c := gatewaytest.Start(t, gatewaytest.Options{ServerTLS: s.reloader.ServerConfig()})
	tenant := c.Tenant("lkc-aaaaaa")
	key, signer := c.Admin(tenant), newSigner(t, "A", nil)
	trustSigner(c, tenant, "aaaaaa", signer)
	dial := func(config *tls.Config) (*tls.Conn, error) { return tls.Dial("tcp", c.Endpoints.Bootstrap, config) }
	var sessions []*rawClient
	for i := range 6 {
		config := old.Clone()
		if i%2 == 0 {
			config.Certificates = []tls.Certificate{signer.client("svc", nil)}
		}
		conn, err := dial(config)
		if err != nil {
			t.Fatal(err)
		}
		r := rawOver(t, conn)
		if i%2 == 1 {
			r.logIn(key.ID, key.Secret)
		}
		sessions = append(sessions, r)
	}
	stop := make(chan struct{})
	busy := keepBusy(sessions, stop)

	done := make(chan string) // the serial number that each client saw; they do not run ahead of the renewals
	var connecting sync.WaitGroup
	for worker := range 4 {
		connecting.Go(func() {
			for i := range handshakes / 4 {
				config := old
				if (worker+i)%2 == 0 {
					config = s.newest.Load()
				}
				conn, err := dial(config)
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
		switch renewed {
		case renewals / 4:
			s.step(orrery.RootTrust)
		case renewals / 2:
			s.step(orrery.RootIssue)
		}
		s.renew()
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
	s.step(orrery.RootDrop)
	s.renew()
	if _, err := dial(old); err == nil {
		t.Error("who trusts only the root that was dropped can connect")
	}
	conn, err := dial(s.newest.Load())
	if err != nil {
		t.Fatal(err)
	}
	rawOver(t, conn).ask(kmsg.NewPtrApiVersionsRequest())
	close(stop)
	busy.Wait()
}

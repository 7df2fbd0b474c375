package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// TestBoundListener expects the kit's listeners to be one tenant's, at every broker, for who has its certificate only.
func TestBoundListener(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Engine: kafkatest.Embedded, Brokers: 3})
	other := c.Tenant("lkc-aaaaaa")
	if _, err := kadm.NewClient(c.Client(c.Admin(other))).CreateTopic(t.Context(), 1, -1, nil, "theirs"); err != nil {
		t.Fatal(err)
	}
	key := admin(t, c, 1)
	stranger, bound := c.Bind(key), c.Bind(key)
	for name, c := range map[string]struct {
		certificate, privateKey string
		admitted                bool
	}{
		"the tenant": {bound.Certificate, bound.PrivateKey, true}, "nobody": {}, "who was certified by another authority": {stranger.Certificate, stranger.PrivateKey, false},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		client, err := kgo.NewClient(kgo.SeedBrokers(bound.Seeds...), kgo.DialTLSConfig(clientTLS(t, bound.Authority, c.certificate, c.privateKey)), kgo.RetryTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		topics, err := kadm.NewClient(client).ListTopicsWithInternal(ctx)
		if !c.admitted {
			if err == nil || ctx.Err() != nil {
				t.Errorf("%s: %v, %v", name, topics.Names(), err)
			}
			continue
		}
		if err != nil || len(topics) != 1 || !topics.Has(internalTopic) {
			t.Errorf("%s: %v, %v", name, topics.Names(), err)
		}
		brokers, err := kadm.NewClient(client).ListBrokers(ctx)
		if err != nil || len(brokers) != len(bound.Seeds) {
			t.Errorf("%s: %+v, %v", name, brokers, err)
		}
		for _, b := range brokers {
			if _, err := kadm.NewClient(client).DescribeBrokerConfigs(ctx, b.NodeID); err != nil {
				t.Errorf("%s, asking broker %d at port %d: %v", name, b.NodeID, b.Port, err)
			}
		}
	}
}

func clientTLS(t *testing.T, authority, certificate, privateKey string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AppendCertsFromPEM(pem)
	if certificate != "" {
		own, err := tls.LoadX509KeyPair(certificate, privateKey)
		if err != nil {
			t.Fatal(err)
		}
		// Without this a client shows no certificate of an authority that the server does not name.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	return config
}

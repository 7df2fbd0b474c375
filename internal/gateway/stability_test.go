package gateway_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/internal/usage"
)

// TestStaticStability restarts gateways while nobody is there who writes their state: neither mothership nor satellite.
// Every tenant logs in by every mechanism, ACLs and quotas hold, and what was used is known to the record.
func TestStaticStability(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Processes: true})
	a, b := newStable(t, c, "lkc-aaaaaa"), newStable(t, c, "lkc-bbbbbb")
	m := newMeter(t, c)
	for round := range 3 {
		for _, s := range []*stable{a, b} {
			s.check(t, c)
		}
		if round == 2 {
			break
		}
		c.Stop(0)
		c.Restart(0)
	}
	c.Stop(0)
	m.until(func(state usage.State) string {
		for _, s := range []*stable{a, b} {
			if n := records(state, s.tenant.LogicalClusterID); n != s.written {
				return fmt.Sprintf("%d records of %s are counted; want %d", n, s.tenant.LogicalClusterID, s.written)
			}
		}
		return ""
	})
}

// stable is a tenant with everything that a gateway has to know from its state.
type stable struct {
	tenant   tenancy.Tenant
	key      gatewaytest.Key
	service  gatewaytest.Key // may read the topic orders, by an ACL
	provider *issuer
	written  int64
}

func newStable(t *testing.T, c *gatewaytest.Cluster, id string) *stable {
	t.Helper()
	s := &stable{}
	s.tenant, s.key = limitedTenant(t, c, id, orrery.Quotas{Partitions: 2, IngressBytesPerSecond: 400_000})
	s.tenant.MaxPartitions = 2
	c.Put(tenancy.StateTenant, id, s.tenant)
	s.service = c.Key(s.tenant, id, "sa-reader")
	s.provider = trust(t, c, s.tenant, id[len("lkc-"):])
	client := c.Client(s.key)
	if _, err := kadm.NewClient(client).CreateTopic(testContext(t), 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	mustCreateACLs(t, client, topicACL("User:sa-reader", "orders", authz.OperationRead, authz.PermissionAllow))
	return s
}

// mechanisms are what the tenant's clients log in with.
func (s *stable) mechanisms() map[string]sasl.Mechanism {
	all := map[string]sasl.Mechanism{}
	for name, mechanism := range keyMechanisms {
		all[name] = mechanism(s.key.ID, s.key.Secret)
	}
	pool := forPool(s.tenant.LogicalClusterID, "pool-"+s.provider.id)
	all["OAUTHBEARER"] = oauth.Auth{Token: s.provider.token(nil), Extensions: map[string]string{pool[0]: pool[1], pool[2]: pool[3]}}.AsMechanism()
	return all
}

// check does with a tenant what its gateways decide about.
func (s *stable) check(t *testing.T, c *gatewaytest.Cluster) {
	t.Helper()
	all := s.mechanisms()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		produceOne(t, with(t, c, all[name], kgo.RequestRetries(5)), "orders", name)
		s.written++
	}
	if err := with(t, c, keyMechanisms["PLAIN"](s.key.ID, s.service.Secret)).Ping(testContext(t)); err == nil {
		t.Error("a wrong secret logs in")
	}
	service := c.Client(s.service, kgo.DisableIdempotentWrite(), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err := mayProduce(t, service, "orders"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("who may only read writes: %v", err)
	}
	large := authenticated(t, c, s.key).ask(produceRequest(9, 1, "orders", batch(strings.Repeat("x", 600_000), -1, false))).(*kmsg.ProduceResponse)
	if s.written++; large.ThrottleMillis < 1 || large.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Errorf("600 kB where 400 a second are allowed: %+v", large)
	}
	consume(t, service, int(s.written))
	if _, err := kadm.NewClient(c.Client(s.key)).CreateTopic(testContext(t), 1, 1, nil, "more"); !errors.Is(err, kerr.PolicyViolation) {
		t.Errorf("a partition more than the quota: %v", err)
	}
}

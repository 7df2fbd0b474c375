package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// resident is a tenant in a test. Every byte that a gateway sends to one of its clients is searched for physical
// names, its own and those of other tenants.
type resident struct {
	t       testing.TB
	cluster *gatewaytest.Cluster
	tenant  tenancy.Tenant
	key     gatewaytest.Key
}

// residents makes tenants whose admin keys may do everything.
func residents(t testing.TB, c *gatewaytest.Cluster, ids ...string) []*resident {
	t.Helper()
	var all []*resident
	for _, id := range ids {
		tenant := c.Tenant(id)
		all = append(all, &resident{t, c, tenant, c.Admin(tenant)})
	}
	return all
}

// nobody is the same tenant with a key that may do nothing.
func (r *resident) nobody() *resident {
	id := r.tenant.LogicalClusterID
	return &resident{r.t, r.cluster, r.tenant, r.cluster.Key(r.tenant, id, "sa-of-"+id)}
}

// client is closed with the test, or earlier by the test itself.
func (r *resident) client(more ...kgo.Opt) *kgo.Client {
	r.t.Helper()
	client, err := kgo.NewClient(append(r.options(), more...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	return client
}

func (r *resident) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(r.cluster.Endpoints.Bootstrap),
		kgo.SASL(plain.Auth{User: r.key.ID, Pass: r.key.Secret}.AsMechanism()),
		kgo.ProducerLinger(0),
		kgo.RetryTimeout(15 * time.Second),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&tls.Dialer{Config: r.cluster.TLS}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &spiedConn{Conn: conn, t: r.t, who: r.tenant.LogicalClusterID}, nil
		}),
	}
}

func (r *resident) admin() *kadm.Client { return kadm.NewClient(r.client()) }

// createTopic makes a topic through the gateway.
func (r *resident) createTopic(name string, partitions int32) {
	r.t.Helper()
	if _, err := r.admin().CreateTopic(testContext(r.t), partitions, -1, nil, name); err != nil {
		r.t.Fatalf("creating %s: %v", name, err)
	}
	if err := gatewaytest.Known(testContext(r.t), r.cluster.Kafka, r.tenant.LogicalClusterID+"_"+name); err != nil {
		r.t.Fatal(err)
	}
}

// spiedConn searches what it reads. Every test gives its tenants ids that begin with lkc-, six letters, and never
// puts such an id with "_" behind it into a name or a record.
type spiedConn struct {
	net.Conn
	t   testing.TB
	who string

	mu   sync.Mutex
	tail []byte
}

func (c *spiedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := append(c.tail, b[:n]...)
	for rest := seen; ; {
		i := bytes.Index(rest, []byte("lkc-"))
		if i < 0 {
			break
		}
		if rest = rest[i:]; len(rest) > 10 && rest[10] == '_' {
			c.t.Errorf("%s was told of %q", c.who, rest[:min(len(rest), 40)])
		}
		rest = rest[4:]
	}
	if bytes.Contains(seen, []byte("_orrery_")) {
		c.t.Errorf("%s was told of a topic of the platform", c.who)
	}
	c.tail = bytes.Clone(seen[max(0, len(seen)-10):])
	return n, err
}

// eventually asks until there is no complaint.
func eventually(t testing.TB, complaint func() string) {
	t.Helper()
	poll.Success(t, func() error {
		if text := complaint(); text != "" {
			return errors.New(text)
		}
		return nil
	})
}

// together runs a test for each tenant at once.
func together(t *testing.T, all []*resident, f func(t *testing.T, r *resident)) {
	t.Helper()
	t.Run("together", func(t *testing.T) {
		for _, r := range all {
			t.Run(r.tenant.LogicalClusterID, func(t *testing.T) {
				t.Parallel()
				own := *r
				own.t = t
				f(t, &own)
			})
		}
	})
}

package gateway_test

import (
	"crypto/tls"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// revocation is how long a deleted key's connections may live.
const revocation = 5 * time.Second

// TestRevocation deletes keys that are connected to three brokers: all of their connections end in time, and another
// key of the same owner works on, on the connections that it has and on new ones. 50 keys, or with ORRERY_SOAK=1 500.
func TestRevocation(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	number := 50
	if soak() {
		number = 500
	}
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	tenant := c.Tenant("lkc-aaaaaa")
	survivor := c.Admin(tenant)
	doomed := make([]gatewaytest.Key, number)
	connections := make([][]*rawClient, number)
	for i := range doomed {
		doomed[i] = c.Key(tenant, tenant.LogicalClusterID, "u-lkc-aaaaaa")
		connections[i] = everywhere(t, c, doomed[i])
	}
	stop, round, ended := make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		survive(t, c, survivor, round, stop)
	}()
	select {
	case <-round:
	case <-ended:
	}
	slowest := time.Duration(0)
	for i, key := range doomed {
		began := time.Now()
		c.Delete(tenancy.StateCredential, key.ID)
		for _, r := range connections[i] {
			r.conn.SetDeadline(began.Add(revocation))
			r.expectClosed()
		}
		slowest = max(slowest, time.Since(began))
	}
	close(stop)
	<-ended
	t.Logf("%d keys on three brokers: the slowest deletion had ended all connections after %s", number, slowest)
}

// everywhere logs a key in at every broker.
func everywhere(t *testing.T, c *gatewaytest.Cluster, key gatewaytest.Key) (all []*rawClient) {
	t.Helper()
	for _, b := range c.Endpoints.Brokers {
		conn, err := tls.Dial("tcp", net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), c.TLS)
		if err != nil {
			t.Error(err)
			return nil
		}
		r := rawOver(t, conn)
		if response := r.logIn(key.ID, key.Secret); response.ErrorCode != 0 {
			t.Errorf("broker %d refuses %s: %s", b.Node, key.ID, *response.ErrorMessage)
			return nil
		}
		all = append(all, r)
	}
	return all
}

// survive uses a key at every broker, on open connections and on new ones, until it is told to stop, and tells of rounds.
func survive(t *testing.T, c *gatewaytest.Cluster, key gatewaytest.Key, round chan<- struct{}, stop <-chan struct{}) {
	open := everywhere(t, c, key)
	for {
		fresh := everywhere(t, c, key)
		for _, r := range append(fresh[:len(fresh):len(fresh)], open...) {
			r.conn.SetDeadline(time.Now().Add(patience))
			r.ask(kmsg.NewPtrMetadataRequest())
		}
		for _, r := range fresh {
			r.conn.Close()
		}
		select {
		case <-stop:
			return
		case round <- struct{}{}:
		default:
		}
	}
}

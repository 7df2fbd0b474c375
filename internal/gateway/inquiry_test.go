package gateway_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// refuseAt has the gateway of a node refuse writes to topics, each once.
func refuseAt(t testing.TB, c *gatewaytest.Cluster, node int32, key gatewaytest.Key, topics ...string) {
	t.Helper()
	endpoint := c.Endpoints.Brokers[node]
	client := c.Client(key, kgo.SeedBrokers(net.JoinHostPort(endpoint.Host, fmt.Sprint(endpoint.Port))), kgo.RequestRetries(0), kgo.MaxVersions(kversion.V2_8_0()))
	for _, topic := range topics {
		request := kmsg.NewPtrProduceRequest()
		request.Acks = -1
		request.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: []byte{}}}}}
		response, err := client.SeedBrokers()[0].Request(testContext(t), request)
		if err != nil {
			t.Fatal(err)
		}
		if code := response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; !errors.Is(kerr.ErrorForCode(code), kerr.TopicAuthorizationFailed) {
			t.Fatalf("producing without rights: %v", kerr.ErrorForCode(code))
		}
	}
}

// producing returns how often each topic's entry about Produce says that it was refused.
func producing(entries []gateway.Entry) map[string]int64 {
	counts := map[string]int64{}
	for _, e := range entries {
		if e.API == "Produce" {
			counts[e.Resource] += e.Count
		}
	}
	return counts
}

// TestWhyOfGatewaysInProcesses: whichever gateway is asked tells what all of them refused, adds up what is the same, and
// says of which gateway it does not know.
func TestWhyOfGatewaysInProcesses(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3, Processes: true})
	tenant, other := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	admin, stranger := c.Admin(tenant), c.Admin(other)
	powerless, second := c.Key(tenant, tenant.LogicalClusterID, "sa-powerless"), c.Key(tenant, tenant.LogicalClusterID, "sa-second")
	want := map[string]int64{"everywhere": 3}
	for node := range int32(3) {
		own := fmt.Sprintf("only-at-%d", node)
		refuseAt(t, c, node, powerless, "everywhere", own)
		want[own] = 1
	}
	refuseAt(t, c, 1, second, "not-of-the-first")
	for node := range int32(3) {
		poll.Until(t, fmt.Sprintf("gateway %d to tell what all of them refused", node), func() bool {
			why := c.Why(node, admin)
			counts := producing(why.Entries)
			delete(counts, "not-of-the-first")
			return len(why.Silent) == 0 && fmt.Sprint(counts) == fmt.Sprint(want) && len(slices.Compact(resources(why.Entries))) == len(resources(why.Entries))
		})
		poll.Until(t, fmt.Sprintf("gateway %d to tell somebody without rights what was refused to it", node), func() bool {
			why := c.Why(node, second)
			return len(why.Silent) == 0 && fmt.Sprint(producing(why.Entries)) == "map[not-of-the-first:1]"
		})
		if why := c.Why(node, stranger); len(why.Entries) > 0 {
			t.Errorf("gateway %d tells another tenant: %+v", node, why.Entries)
		}
	}
	c.Kill(2)
	for again := true; again; {
		leases, _ := c.Leases()
		why := c.Why(0, admin)
		counts := producing(why.Entries)
		if counts["only-at-0"] != 1 || counts["only-at-2"] != 0 {
			t.Fatalf("with the gateway 2 killed: %v", counts)
		}
		// A lease that lasts longer than the answer took is one that the answer waited for.
		if live := leases[2].Live(time.Now()); live && !slices.Contains(why.Silent, 2) {
			t.Errorf("nothing says that the gateway 2 is not heard: %v", why.Silent)
		}
		again = counts["only-at-1"] != 1 // it had too much to do
	}
	c.Restart(2)
	refuseAt(t, c, 2, powerless, "only-at-2")
	poll.Until(t, "the gateway that came back to be heard", func() bool {
		why := c.Why(1, admin)
		return len(why.Silent) == 0 && producing(why.Entries)["only-at-2"] == 1
	})
}

func resources(entries []gateway.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, strings.Join([]string{e.Kind, e.API, e.Principal, e.APIKeyID, e.Resource, e.Rule}, " "))
	}
	slices.Sort(all)
	return all
}

// TestWhyOfGatewaysInOneProcess: gateways that share a journal count nothing twice, and wait for nobody.
func TestWhyOfGatewaysInOneProcess(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	tenant := c.Tenant("lkc-aaaaaa")
	admin, powerless := c.Admin(tenant), c.Key(tenant, tenant.LogicalClusterID, "sa-powerless")
	for node := range int32(3) {
		refuseAt(t, c, node, powerless, "everywhere")
	}
	for _, g := range c.Gateways {
		identity, err := g.Authenticate(netip.Addr{}, admin.ID, admin.Secret, "")
		if err != nil {
			t.Fatal(err)
		}
		why, err := g.Why(testContext(t), gateway.Caller{Identity: identity})
		if counts := producing(why.Entries); err != nil || len(why.Silent) > 0 || counts["everywhere"] != 3 {
			t.Errorf("%v, silent %v, counts %v", err, why.Silent, counts)
		}
	}
}

// TestWhyTellsOfManyRefusals: a gateway of another process has as many entries as a journal keeps, with the longest
// names; the last of them are told.
func TestWhyTellsOfManyRefusals(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3, Processes: true})
	tenant := c.Tenant("lkc-aaaaaa")
	admin, powerless := c.Admin(tenant), c.Key(tenant, tenant.LogicalClusterID, "sa-powerless")
	var topics []string
	for range 1010 {
		topics = append(topics, strings.Repeat("x", 190)+rand.Text())
	}
	refuseAt(t, c, 1, powerless, topics...)
	poll.Until(t, "another gateway to tell of the last refusals", func() bool {
		why := c.Why(0, admin)
		return len(why.Silent) == 0 && why.Forgotten > 0 && int(why.Forgotten)+len(why.Entries) >= 1010 &&
			len(why.Entries) > 300 && why.Entries[0].Resource == topics[1009]
	})
}

package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
)

// unreached are rules whose absence cannot show on the embedded engine, and why.
var unreached = map[string]string{
	"ProduceResponse.Brokers.Host": oneBroker, "ProduceResponse.Brokers.Port": oneBroker,
	"FetchResponse.Brokers.Host": oneBroker, "FetchResponse.Brokers.Port": oneBroker,
	"ShareFetchResponse.NodeEndpoints.Host": oneBroker, "ShareFetchResponse.NodeEndpoints.Port": oneBroker,
	"ShareAcknowledgeResponse.NodeEndpoints.Host": oneBroker, "ShareAcknowledgeResponse.NodeEndpoints.Port": oneBroker,
	"ConsumerGroupDescribeResponse.Groups.Members.SubscribedTopicRegex": "the embedded engine does not tell members' expressions",
	"ProduceResponse.Topics.Partitions.ErrorRecords.ErrorMessage":       "the embedded engine refuses whole batches, and tells of no record",
}

const oneBroker = "told only with NOT_LEADER, and there is one broker"

// The proof can fail: with any one rule dropped, hostile tenants are seen to get or to send what they must not.
func TestDeliberateBugsAreFound(t *testing.T) {
	w := newWorld(t)
	all := w.offered()
	w.attackAll([]int64{1}, all) // groups, transactions and topics are there then
	if found := w.taken(); len(found) > 0 {
		t.Fatalf("without a bug: %v", found)
	}
	g := w.cluster.Gateways[0]
	bugs := gateway.DeliberateBugs(g, w.intruders[0].loot.stolenTopicIDs[0])
	found, tried := 0, 0
	for i, bug := range bugs {
		if !soak() && i%8 != 0 && !strings.Contains(bug.Name, " is offered") && !strings.Contains(bug.Name, "all tenants") {
			continue
		}
		tried++
		remove := bug.Install(g)
		what := w.hunt(bug, all)
		remove()
		w.taken() // what came late
		path, _, _ := strings.Cut(bug.Name, " ")
		switch why := unreached[path]; {
		case what == "" && why == "":
			t.Errorf("%s (%s): nothing noticed it", bug.Name, kmsg.NameForKey(bug.Key))
		case what != "" && why != "":
			t.Errorf("%s was found, and is listed as %q: %s", path, why, what)
		case what != "":
			found++
			t.Logf("%s: %s", bug.Name, what)
		}
	}
	t.Logf("of %d deliberate bugs %d were tried and %d found", len(bugs), tried, found)
}

// effects are bugs that show in what the victim has, or in what the thief is told, also to who does not look at the
// frames that go to the broker.
var effects = []string{
	"ProduceRequest.Topics.TopicID", "FetchRequest.Topics.TopicID", "DeleteTopicsRequest.Topics.TopicID",
	"ProduceRequest.Topics.Topic", "DeleteRecordsRequest.Topics.Topic", "DeleteTopicsRequest.TopicNames",
	"OffsetCommitRequest.Group", "InitProducerIDRequest.TransactionalID",
}

// The victim's fingerprint and the search of answers are no weaker than they have to be: bugs are found by what they
// do alone.
func TestDeliberateBugsHaveEffects(t *testing.T) {
	paths := effects
	if !soak() {
		paths = effects[:3]
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t)
			w.warden.blind = true
			before, g, thief := w.fingerprint(), w.cluster.Gateways[0], w.intruders[0]
			i := slices.IndexFunc(gateway.DeliberateBugs(g, [16]byte{}), func(b gateway.DeliberateBug) bool { return strings.HasPrefix(b.Name, path+" ") })
			if i < 0 {
				t.Fatal("there is no such bug")
			}
			bug := gateway.DeliberateBugs(g, [16]byte{})[i]
			defer bug.Install(g)()
			var wanted []keyVersion
			for range 20 {
				for _, v := range bug.Versions {
					wanted = append(wanted, keyVersion{bug.Key, v})
				}
			}
			for seed := int64(1); seed <= 20; seed++ {
				w.attack(thief, seed, wanted, nil)
				if change := difference(before, w.fingerprint()); change != "" {
					t.Logf("the victim changed:\n%.300s", change)
					return
				}
				for _, f := range w.taken() {
					if strings.Contains(f.what, canary) {
						t.Log(f)
						return
					}
				}
			}
			t.Error("no effect was seen")
		})
	}
}

// hunt attacks until the bug is noticed, and says how.
func (w *world) hunt(bug gateway.DeliberateBug, all []keyVersion) string {
	wanted := make([]keyVersion, 0, len(all))
	for range 12 {
		for _, v := range bug.Versions {
			wanted = append(wanted, keyVersion{bug.Key, v})
		}
	}
	for seed := int64(1); seed <= 12; seed++ {
		kvs := wanted
		if seed > 2 {
			kvs = append(all, wanted...)
		}
		for _, who := range w.intruders {
			if seed > 2 {
				w.recreate(who)
				w.behave(who, seed, all)
			}
			w.attack(who, seed, kvs, func() bool { return w.seen() > 0 })
			for _, f := range w.taken() {
				if where := strings.TrimPrefix(kmsg.NameForKey(bug.Key), "Alter"); strings.Contains(f.where, where) {
					return f.String()
				}
				if !strings.Contains(bug.Name, "topic id") { // which is then wrong in every request
					w.t.Errorf("%s: something else was found: %s", bug.Name, f)
				}
			}
		}
	}
	return ""
}

// recreate makes the topic that most requests name again, where an attack has deleted it.
func (w *world) recreate(who *intruder) {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Version = 5
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 3, -1
	request.Topics = append(request.Topics, topic)
	l := w.dial(who)
	defer l.conn.Close()
	if _, _, err := l.exchange(request, patient); err != nil {
		w.t.Error(err)
	}
}

func (w *world) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.findings)
}

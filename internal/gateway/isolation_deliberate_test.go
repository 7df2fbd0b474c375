package gateway_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// unreached are rules whose absence cannot show on an engine, and why. What one engine does not reach the other does.
var unreached = map[kafkatest.Engine]map[string]string{
	kafkatest.Embedded: {
		"ShareAcknowledgeResponse.NodeEndpoints.Host":                       leaderUntold,
		"ShareAcknowledgeResponse.NodeEndpoints.Port":                       leaderUntold,
		"ConsumerGroupDescribeResponse.Groups.Members.SubscribedTopicRegex": "it does not tell members' expressions",
		"ProduceResponse.Topics.Partitions.ErrorRecords.ErrorMessage":       "it refuses whole batches, and tells of no record",
	},
	kafkatest.Apache: {
		"ShareAcknowledgeResponse.NodeEndpoints.Host": leaderMoved,
		"ShareAcknowledgeResponse.NodeEndpoints.Port": leaderMoved,
	},
}

const (
	leaderUntold = "it does not tell who leads a partition that it refuses to acknowledge records of"
	leaderMoved  = "told only where a partition's leader moves between a fetch and its acknowledgement, which no hostile tenant can bring about"
)

// aboutLeaders matches fields that only an answer with NOT_LEADER has, so there must be several brokers.
var aboutLeaders = regexp.MustCompile(`^(Produce|Fetch)Response\.Brokers|NodeEndpoints`)

// The proof can fail: with any one rule dropped, hostile tenants are seen to get or to send what they must not.
func TestDeliberateBugsAreFound(t *testing.T) {
	w := newWorld(t)
	w.mustFind(t, func(i int, name string) bool {
		short := i%8 == 0 || strings.Contains(name, " is offered") || strings.Contains(name, "all tenants")
		return (short || soak()) && !aboutLeaders.MatchString(name)
	})
}

// The same for what is told of leaders.
func TestDeliberateBugsAboutLeadersAreFound(t *testing.T) {
	if !soak() {
		gatewaytest.EmbeddedOnly(t, "it takes a minute with three brokers; ORRERY_SOAK=1 runs it")
	}
	w := newWorldOf(t, 3)
	w.mustFind(t, func(_ int, name string) bool { return aboutLeaders.MatchString(name) })
}

// mustFind puts in the bugs that are wanted, one after another, and fails the test for one that nothing notices. Each
// is a test of its own: -run "DeliberateBugs/FetchResponse" tries those of one message.
func (w *world) mustFind(t *testing.T, wanted func(i int, name string) bool) {
	t.Helper()
	w.sparePlatform()
	all := w.offered()
	w.attackAll([]int64{1}, all) // groups, transactions and topics are there then
	if found := w.taken(); len(found) > 0 {
		t.Fatalf("without a bug: %v", found)
	}
	bugs := gateway.DeliberateBugs(w.cluster.Gateways[0], w.intruders[0].loot.stolenTopicIDs[0])
	found, tried := 0, 0
	for i, bug := range bugs {
		path, _, _ := strings.Cut(bug.Name, " ")
		why := unreached[w.cluster.Kafka.Engine][path]
		if !wanted(i, bug.Name) || why != "" && !soak() {
			continue
		}
		tried++
		t.Run(bug.Name, func(t *testing.T) {
			if w.tries(t, bug, why, all) {
				found++
			}
		})
	}
	if tried == 0 {
		t.Error("no bug was tried")
	}
	t.Logf("of %d deliberate bugs %d were tried and %d found", len(bugs), tried, found)
}

// tries puts in a bug, and reports whether it was noticed. One that is listed as unreached, with the reason why, must
// not be.
func (w *world) tries(t *testing.T, bug gateway.DeliberateBug, why string, all []keyVersion) (noticed bool) {
	defer func(t testing.TB) { w.t = t }(w.t)
	w.t = t
	remove := bug.Install(w.cluster.Gateways[0])
	what := w.hunt(bug, all)
	remove()
	w.taken() // what came late
	switch {
	case what == "" && why == "":
		t.Errorf("nothing of %s noticed it", kmsg.NameForKey(bug.Key))
	case what != "" && why != "":
		t.Errorf("it was found, and is listed as %q: %s", why, what)
	case what != "":
		t.Log(what)
	}
	return what != ""
}

// sparePlatform keeps the thief from the names of the platform's topics: with a bug it would write to them, on the
// embedded engine, which has no ACLs, and the gateways could not work.
func (w *world) sparePlatform() {
	l := &w.intruders[0].loot
	l.names = slices.DeleteFunc(slices.Clone(l.names), func(name string) bool { return strings.HasPrefix(name, "_orrery_") })
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
			w.sparePlatform()
			before, g, thief := w.fingerprint(), w.cluster.Gateways[0], w.intruders[0]
			i := slices.IndexFunc(gateway.DeliberateBugs(g, [16]byte{}), func(b gateway.DeliberateBug) bool { return strings.HasPrefix(b.Name, path+" ") })
			if i < 0 {
				t.Fatal("there is no such bug")
			}
			w.mustHaveEffect(t, gateway.DeliberateBugs(g, [16]byte{})[i], thief, before)
		})
	}
}

// A record of an ACL or a client quota that has the wrong logical cluster in its key shows in what the victim has.
func TestDeliberateBugsInRulesAreFound(t *testing.T) {
	w := newWorld(t)
	w.unminded = true
	w.sparePlatform()
	if before := w.fingerprint(); !strings.Contains(before, "ACL ") || !strings.Contains(before, "client quota ") {
		t.Fatalf("the victim has nothing to lose:\n%s", before)
	}
	for _, bug := range gateway.DeliberateRuleBugs(victimID) {
		t.Run(bug.Name, func(t *testing.T) { w.mustHaveEffect(t, bug, w.intruders[0], w.fingerprint()) })
	}
}

// mustHaveEffect puts in a bug and attacks, until the victim has something else than before, or what the thief is told
// is the victim's.
func (w *world) mustHaveEffect(t *testing.T, bug gateway.DeliberateBug, thief *intruder, before string) {
	t.Helper()
	defer bug.Install(w.cluster.Gateways[0])()
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

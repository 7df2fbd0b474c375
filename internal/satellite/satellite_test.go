package satellite_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/satellite"
	"github.com/orrery-kafka/orrery/internal/substrate/inproc"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// The whole way: a physical cluster, a tenant, a key and a binding, sent in the worst order, come into force; then
// they are deleted, and nothing is left.
func TestFromDesiredToAppliedToGone(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	pkc, lkc, key, rb := psc("pkc-a"), tenant("pkc-a", "lkc-1"), credential("pkc-a", "KEY1", "lkc-1"), binding("pkc-a", "rb-1")
	w.send(rb, key, lkc)
	w.until("the items say what they wait for", func() bool { return contains(w.statuses[lkc.Key()].Reason, "pkc-a") })
	w.send(pkc)
	for _, m := range []link.Message{pkc, lkc, key, rb} {
		w.until(m.Key()+" is applied", w.applied(m.Key()))
		if status := w.statuses[m.Key()]; status.Generation != m.Generation || status.Reason != "" {
			t.Errorf("%s: %+v", m.Key(), status)
		}
	}
	state := w.state("pkc-a")
	for _, k := range []string{"tenant/lkc-1", "credential/KEY1", "binding/rb-1", "endpoints/pkc-a"} {
		if r, ok := state[k]; !ok || r.Deleted || orrery.Hash(r.Content) != r.Hash {
			t.Errorf("%s: %+v", k, r)
		}
	}
	status := w.statuses[pkc.Key()].PSC
	if status == nil || status.Endpoints.Bootstrap == "" {
		t.Fatalf("the physical cluster's status is %+v", status)
	}

	prefix := string(tenancy.PrefixOf("lkc-1"))
	admin := kadm.NewClient(w.client("pkc-a"))
	for _, topic := range []string{prefix + "orders", prefix + "payments", string(tenancy.PrefixOf("lkc-2")) + "orders"} {
		if _, err := admin.CreateTopic(w.ctx, 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	w.writeRules("pkc-a", "acl/lkc-1/a", "acl/lkc-1/b", "client-quota/lkc-1/c", "acl/lkc-11/a", "client-quota/lkc-11/b")
	w.send(deleted(lkc), deleted(key), deleted(rb))
	for _, m := range []link.Message{lkc, key, rb} {
		w.until(m.Key()+" is gone", w.gone(m.Key()))
		if !w.statuses[m.Key()].Applied {
			t.Errorf("%s is gone and not applied", m.Key())
		}
	}
	topics, err := admin.ListTopics(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if names := topics.Names(); slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, prefix) }) || !topics.Has(string(tenancy.PrefixOf("lkc-2"))+"orders") {
		t.Errorf("after the deletion of lkc-1 there are %v", names)
	}
	if rules, err := w.inside("pkc-a").ReadState(w.ctx, brokers.TopicACLs); err != nil || len(rules) != 2 || rules[0].Key != "acl/lkc-11/a" || rules[1].Key != "client-quota/lkc-11/b" {
		t.Errorf("after the deletion of lkc-1 there are the ACLs and client quotas %v, %v", rules, err)
	}
	if r := w.state("pkc-a")["credential/KEY1"]; !r.Deleted || len(r.Content) != 0 {
		t.Errorf("the deleted key's record is %+v", r)
	}

	w.send(tombstone(lkc), tombstone(key), tombstone(rb))
	w.until("the statuses are removed", func() bool { return len(w.statuses) == 1 })
	w.until("the state records are removed", func() bool { return len(w.state("pkc-a")) == 1 })
	w.send(deleted(pkc))
	w.until("the physical cluster is gone", w.gone(pkc.Key()))
	w.send(tombstone(pkc))
	w.until("its status is removed", func() bool { return len(w.statuses) == 0 })
	if files, err := os.ReadDir(filepath.Join(w.dir, "ledger")); err != nil || len(files) != 0 {
		t.Errorf("the ledger has %v, %v", files, err)
	}
	if ids, _ := w.substrate.List(w.ctx); len(ids) != 0 {
		t.Errorf("the substrate has %v", ids)
	}
}

// writeRules writes records as gateways do.
func (w *world) writeRules(pkc string, keys ...string) {
	w.Helper()
	var records []brokers.Record
	for _, key := range keys {
		records = append(records, brokers.Record{Key: key, Value: []byte("{}")})
	}
	if _, err := w.inside(pkc).WriteState(w.ctx, brokers.TopicACLs, records); err != nil {
		w.Fatal(err)
	}
}

func TestConvergedIsQuiet(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	all := []link.Message{psc("pkc-a"), tenant("pkc-a", "lkc-1"), credential("pkc-a", "KEY1", "lkc-1")}
	w.send(all...)
	for _, m := range all {
		w.until(m.Key()+" is applied", w.applied(m.Key()))
	}
	w.converge()
	before, sent := w.end("pkc-a", brokers.TopicTenants), len(w.received)
	for range 5 {
		w.step()
	}
	if len(w.received) != sent {
		t.Errorf("sent again: %+v", w.received[sent:])
	}
	w.send(all...) // a repeat is answered once more, for the first answer may be lost, and changes nothing either
	for range 5 {
		w.step()
	}
	if after := w.end("pkc-a", brokers.TopicTenants); after != before {
		t.Errorf("%d records were written", after-before)
	}
	if again := w.received[sent:]; len(again) != len(all) {
		t.Errorf("the answers to a repeat are %+v", again)
	}
	if due := w.next.Sub(w.stepped); due < 20*time.Second {
		t.Errorf("the next step is due in %s", due)
	}
}

// TestSaltKey: it comes into the state topic as it is, and a damaged one not at all; its text is in no status.
func TestSaltKey(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	key := tenancy.SaltKey{PhysicalClusterID: "pkc-a", Key: []byte(strings.Repeat("k", tenancy.SaltKeyBytes))}
	m := message(orrery.DesiredSaltKey, "pkc-a", 1, key)
	w.send(psc("pkc-a"), m)
	w.until("the salt key is applied", w.applied(m.Key()))
	var got tenancy.SaltKey
	if err := json.Unmarshal(w.state("pkc-a")["salt-key/pkc-a"].Content, &got); err != nil || !bytes.Equal(got.Key, key.Key) {
		t.Fatalf("the state has %+v, %v", got, err)
	}
	for number, bad := range []tenancy.SaltKey{
		{PhysicalClusterID: "pkc-a", Key: []byte("short")}, {PhysicalClusterID: "pkc-b", Key: key.Key},
	} {
		w.send(message(orrery.DesiredSaltKey, "pkc-a", int64(number+2), bad))
		w.until("it is refused", func() bool {
			status := w.statuses[m.Key()]
			return status.Generation.Number == int64(number+2) && !status.Applied && status.Reason != "" && !contains(status.Reason, "short")
		})
	}
	m.Generation.Number = 10
	gone := deleted(m)
	w.send(gone)
	w.until("it is gone", w.gone(m.Key()))
	w.send(tombstone(gone))
	w.converge()
	if _, left := w.state("pkc-a")["salt-key/pkc-a"]; left {
		t.Error("a tombstone left it in the state topic")
	}
}

func TestGenerationsOfItems(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	pkc, lkc := psc("pkc-a"), tenant("pkc-a", "lkc-1")
	lkc.Generation.Number = 5
	w.send(pkc, lkc)
	w.until("the tenant is applied", w.applied(lkc.Key()))

	change := func(number int64, partitions int) link.Message {
		return message(orrery.DesiredTenant, "lkc-1", number, tenancy.Tenant{PhysicalClusterID: "pkc-a", LogicalClusterID: "lkc-1", MaxPartitions: partitions})
	}
	partitions := func() string { return string(w.state("pkc-a")["tenant/lkc-1"].Content) }
	before := partitions()

	older := change(4, 4)
	w.send(older)
	w.converge()
	if got := partitions(); got != before {
		t.Errorf("an older generation was applied: %s", got)
	}
	w.send(change(5, 5))
	w.refused(lkc.Key(), "other content")
	if got := partitions(); got != before {
		t.Errorf("the same generation with other content was applied: %s", got)
	}
	w.send(lkc)
	w.until("the first content is confirmed", w.applied(lkc.Key()))
	w.send(change(6, 6))
	w.until("the next one is applied", func() bool { return w.statuses[lkc.Key()].Applied && w.statuses[lkc.Key()].Generation.Number == 6 })
	if got := partitions(); !contains(got, `"max_partitions":6`) {
		t.Errorf("the state has %s", got)
	}

	// After a restart the state topic is what remembers.
	w.stop()
	w.start(true)
	w.send(change(6, 7))
	w.refused(lkc.Key(), "other content")
	w.send(change(5, 8))
	w.converge()
	if got := partitions(); !contains(got, `"max_partitions":6`) {
		t.Errorf("the state has %s", got)
	}
	restored := change(1, 9)
	restored.Generation.Term = 2
	w.send(restored)
	w.until("a new term wins", func() bool { return w.statuses[lkc.Key()].Applied && w.statuses[lkc.Key()].Generation.Term == 2 })
}

func TestGenerationsOfPhysicalClusters(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	spec := pscSpec(1)
	pkc := func(number int64, storage int64) link.Message {
		spec.StorageBytes = storage
		return message(orrery.DesiredPSC, "pkc-a", number, spec)
	}
	storage := func() int64 {
		observed, err := w.substrate.Observe(w.ctx, "pkc-a")
		if err != nil {
			t.Fatal(err)
		}
		return observed.Spec.StorageBytes
	}
	w.send(pkc(5, 50))
	w.until("it is ready", w.applied("psc/pkc-a"))
	w.send(pkc(4, 40))
	w.converge()
	if storage() != 50 || !w.statuses["psc/pkc-a"].Applied {
		t.Errorf("an older generation was applied: %d, %+v", storage(), w.statuses["psc/pkc-a"])
	}
	for restarted := range 2 {
		w.send(pkc(5, 51))
		w.until("the other content is refused", func() bool {
			status := w.statuses["psc/pkc-a"].PSC
			if status == nil {
				return false
			}
			c, ok := orrery.FindCondition(status.Conditions, orrery.ConditionDesiredStateIntact)
			return ok && c.Status == orrery.False && c.Reason == "SameGenerationOtherContent" && !w.statuses["psc/pkc-a"].Applied
		})
		if storage() != 50 {
			t.Errorf("it was applied: %d", storage())
		}
		w.send(pkc(5, 50))
		w.until("the first content heals it", w.applied("psc/pkc-a"))
		if restarted == 0 {
			w.stop()
			w.start(true)
		}
	}
	w.send(pkc(6, 60))
	w.until("the next one is applied", func() bool { return w.statuses["psc/pkc-a"].Applied && w.statuses["psc/pkc-a"].Generation.Number == 6 })
	if storage() != 60 {
		t.Errorf("it has %d", storage())
	}
}

// With the mothership away, a satellite that starts goes on with its ledger; statuses are sent when the link is
// back.
func TestRestartWithoutLink(t *testing.T) {
	w := newWorld(t)
	w.local = []satellite.Local{{ID: "pkc-control", Spec: orrery.PSCSpec{Kind: orrery.KindKafka, Type: "Control", Engine: orrery.EngineEmbedded, Brokers: 1, StorageBytes: 1 << 20}}}
	w.start(false)
	w.step()
	if status, ok := w.satellite.Status("pkc-control"); !ok || !status.Ready(orrery.Generation{Number: 1}) {
		t.Fatalf("the local cluster is %+v", status)
	}
	w.connect()
	w.send(psc("pkc-a"), tenant("pkc-a", "lkc-1"))
	w.until("the tenant is applied", w.applied("tenant/lkc-1"))
	endpoints := w.statuses["psc/pkc-a"].PSC.Endpoints
	w.stop()

	w.start(false)
	w.until("both clusters run without a link", func() bool {
		a, _ := w.satellite.Status("pkc-a")
		control, _ := w.satellite.Status("pkc-control")
		return a.Ready(orrery.Generation{Term: 1, Number: 1}) && control.Ready(orrery.Generation{Number: 1})
	})
	if status, _ := w.satellite.Status("pkc-a"); status.Endpoints.Bootstrap != endpoints.Bootstrap || len(status.Endpoints.Brokers) != len(endpoints.Brokers) {
		t.Errorf("the addresses were %+v and are %+v", endpoints, status.Endpoints)
	}
	if len(w.state("pkc-a")) != 2 {
		t.Errorf("the state is %+v", w.state("pkc-a"))
	}
	clear(w.statuses)
	w.connect()
	w.until("what is there is reported again", func() bool {
		return w.statuses["psc/pkc-a"].Applied && w.statuses["tenant/lkc-1"].Applied && w.statuses["psc/pkc-control"].Applied
	})
}

func TestLinkThatFailsIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	w.topics.FailSends(3, false)
	w.step() // the registration fails
	if pause := w.next.Sub(w.stepped); pause <= 0 || pause > time.Second {
		t.Errorf("the next try is after %s", pause)
	}
	registered := func() bool {
		return slices.ContainsFunc(w.received, func(m link.Message) bool { return m.Kind == orrery.ReportSatellite && m.ID == satelliteID })
	}
	w.until("the registration arrives", registered)

	w.topics.OpenSatellite(nil, satelliteID) // another process with the same identity
	w.ahead = time.Hour                      // so that there is something to send
	if _, err := w.satellite.Step(w.ctx, time.Now().Add(w.ahead)); !errors.Is(err, link.ErrFenced) {
		t.Errorf("a fenced satellite goes on: %v", err)
	}
}

// An item is applied once every gateway that holds a lease has it: one that is behind holds it up, until it has
// caught up, gives up its lease, or lets it run out.
func TestAcknowledgementWaitsForEveryLiveGateway(t *testing.T) {
	for name, release := range map[string]func(w *world, end int64){
		"caught up": func(w *world, end int64) {
			w.lease("pkc-a", tenancy.GatewayRecord{RenewedAt: time.Now(), Applied: end})
		},
		"released": func(w *world, end int64) {
			w.lease("pkc-a", tenancy.GatewayRecord{RenewedAt: time.Now(), Released: true})
		},
		"ran out": func(w *world, end int64) {
			w.lease("pkc-a", tenancy.GatewayRecord{RenewedAt: time.Now().Add(-tenancy.LeaseDuration)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start(true)
			w.send(psc("pkc-a"))
			w.until("the cluster is ready", w.applied("psc/pkc-a"))
			w.converge()
			w.lease("pkc-a", tenancy.GatewayRecord{RenewedAt: time.Now(), Applied: 0})
			w.converge()
			m := tenant("pkc-a", "lkc-1")
			w.send(m)
			w.until("the reason names the gateway", func() bool { return contains(w.statuses[m.Key()].Reason, "gateway 7 of pkc-a") })
			if w.statuses[m.Key()].Applied {
				t.Error("it counts as applied while gateway 7 is behind")
			}
			if wait := w.next.Sub(w.stepped); wait > tenancy.LeaseDuration {
				t.Errorf("the next look is in %s, after the lease", wait)
			}
			release(w, w.end("pkc-a", brokers.TopicTenants))
			w.until("it is applied", w.applied(m.Key()))
		})
	}
}

// A lease that runs out without any news is noticed by time alone.
func TestDeadLeaseIsIgnoredInTime(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	w.send(psc("pkc-a"))
	w.until("the cluster is ready", w.applied("psc/pkc-a"))
	w.lease("pkc-a", tenancy.GatewayRecord{RenewedAt: time.Now().Add(2*time.Second - tenancy.LeaseDuration)})
	w.converge()
	m := tenant("pkc-a", "lkc-1")
	w.send(m)
	w.until("it is applied", w.applied(m.Key()))
}

func TestWithoutGatewayNothingIsApplied(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	w.send(psc("pkc-a"), tenant("pkc-a", "lkc-1"))
	w.until("the tenant is applied", w.applied("tenant/lkc-1"))
	for node := range int32(2) {
		if err := w.substrate.Fault("pkc-a", node, inproc.Fault{Stopped: true, Message: "test"}); err != nil {
			t.Fatal(err)
		}
		if node == 0 {
			w.until("the fault is reported", func() bool { return contains(w.statuses["psc/pkc-a"].Reason, "broker 0 is stopped: test") })
		}
	}
	w.send(credential("pkc-a", "KEY1", "lkc-1"))
	w.until("the key waits, with the reason", func() bool { return w.statuses["credential/pkc-a/KEY1"].Reason != "" })
	if w.statuses["credential/pkc-a/KEY1"].Applied {
		t.Error("a key is applied without any gateway")
	}
	for node := range int32(2) {
		if err := w.substrate.Fault("pkc-a", node, inproc.Fault{}); err != nil {
			t.Fatal(err)
		}
	}
	w.until("the key is applied", w.applied("credential/pkc-a/KEY1"))
}

// A physical cluster with a tenant on it is kept although it was deleted, until the tenant is.
func TestDeletionOfPhysicalClusterNeedsProof(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	pkc, lkc := psc("pkc-a"), tenant("pkc-a", "lkc-1")
	w.send(pkc, lkc)
	w.until("the tenant is applied", w.applied(lkc.Key()))
	w.send(deleted(pkc))
	w.until("the deletion is held up", func() bool { return contains(w.statuses[pkc.Key()].Reason, "lkc-1 is on it") })
	for range 3 {
		w.step()
	}
	if observed, err := w.substrate.Observe(w.ctx, "pkc-a"); err != nil || !observed.Gateways[0].Serving {
		t.Errorf("the tenant's gateways are %+v, %v", observed.Gateways, err)
	}
	status := w.statuses[pkc.Key()]
	w.step()
	if got := w.statuses[pkc.Key()]; got.Reason != status.Reason {
		t.Errorf("the status changes while nothing does: %+v", got)
	}
	w.send(deleted(lkc))
	w.until("the tenant is gone", w.gone(lkc.Key()))
	w.until("the cluster is gone", w.gone(pkc.Key()))

	back := psc("pkc-a")
	back.Generation.Number = 9
	w.send(back)
	w.until("it does not come back", func() bool {
		return contains(w.statuses[pkc.Key()].PSC.Conditions[0].Message+w.statuses[pkc.Key()].Reason, "deleted")
	})
}

// Absence, and a tombstone for what is not deleted, remove nothing.
func TestAbsenceDeletesNothing(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	pkc, lkc, key := psc("pkc-a"), tenant("pkc-a", "lkc-1"), credential("pkc-a", "KEY1", "lkc-1")
	w.send(pkc, lkc, key)
	w.until("the key is applied", w.applied(key.Key()))
	w.send(tombstone(lkc), tombstone(key), tombstone(pkc))
	w.converge()
	for _, k := range []string{"tenant/lkc-1", "credential/KEY1"} {
		if r, ok := w.state("pkc-a")[k]; !ok || r.Deleted {
			t.Errorf("%s: %+v", k, r)
		}
	}
	w.stop()
	w.topics.Recreate(satelliteID) // all of the link is lost
	w.start(true)
	w.until("the cluster is back", w.applied(pkc.Key()))
	if len(w.state("pkc-a")) != 3 {
		t.Errorf("the state is %+v", w.state("pkc-a"))
	}
}

// Late, repeated and lost messages lead to the same end.
func TestBadInputIsRefusedWithAReason(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	raw := func(kind, id, content string) link.Message {
		return link.Message{Version: 7, Kind: kind, ID: id, Generation: orrery.Generation{Term: 1, Number: 1}, Content: []byte(content)}
	}
	for with, m := range map[string]link.Message{
		"is not the id":           raw(orrery.DesiredPSC, "../../etc", `{"kind":"kafka","brokers":1}`),
		"no \"cassandra\"":        raw(orrery.DesiredPSC, "pkc-b", `{"kind":"cassandra","brokers":1}`),
		"at least one broker":     raw(orrery.DesiredPSC, "pkc-c", `{"kind":"kafka"}`),
		"not a specification":     raw(orrery.DesiredPSC, "pkc-d", `[1,2]`),
		"not a tenant":            raw(orrery.DesiredTenant, "lkc-x", `"x"`),
		"its content about":       tenant2("lkc-y", "lkc-z"),
		"not a credential":        raw(orrery.DesiredCredential, "pkc-a/K", `{"api_key_id":7}`),
		"key \"K2\"":              raw(orrery.DesiredCredential, "pkc-a/K1", `{"api_key_id":"K2","physical_cluster_id":"pkc-a"}`),
		"\"rb-2\"":                raw(orrery.DesiredBinding, "pkc-a/rb-1", `{"role_binding_id":"rb-2","physical_cluster_id":"pkc-a"}`),
		"does not know records":   raw("schema", "sr-1", `{}`),
		"the id of a physical Ka": raw(orrery.DesiredTenant, "lkc-w", `{"logical_cluster_id":"lkc-w","physical_cluster_id":"../x"}`),
	} {
		w.send(m)
		w.until(m.Key()+" is refused with "+with, func() bool {
			status, ok := w.statuses[m.Key()]
			return ok && !status.Applied && contains(status.Reason, with)
		})
	}
	if files, _ := os.ReadDir(filepath.Join(w.dir, "ledger")); len(files) != 0 {
		t.Errorf("the ledger has %v", files)
	}
	good := psc("pkc-a")
	good.Content = append([]byte(`{"from_the_future":{"a":1},`), good.Content[1:]...)
	w.send(good)
	w.until("a field of the future is no obstacle", w.applied(good.Key()))
	kept, err := os.ReadFile(filepath.Join(w.dir, "ledger", "pkc-a.json"))
	if err != nil || !contains(string(kept), "from_the_future") {
		t.Errorf("the ledger lost an unknown field: %s, %v", kept, err)
	}
}

func tenant2(key, content string) link.Message {
	m := tenant("pkc-a", content)
	m.ID = key
	return m
}

func TestDamagedLedgerEntry(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"truncated":     func(path string) error { return os.Truncate(path, 40) },
		"garbage":       func(path string) error { return os.WriteFile(path, []byte("\x00\x01"), 0o600) },
		"other content": func(path string) error { return replace(path, `"brokers":2`, `"brokers":9`) },
		"another id":    func(path string) error { return replace(path, `"pkc-a"`, `"pkc-z"`) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start(true)
			w.send(psc("pkc-a"), psc("pkc-b"))
			w.until("a is ready", w.applied("psc/pkc-a"))
			w.until("b is ready", w.applied("psc/pkc-b"))
			w.stop()
			if err := damage(filepath.Join(w.dir, "ledger", "pkc-a.json")); err != nil {
				t.Fatal(err)
			}
			w.start(false)
			w.step()
			if status, ok := w.satellite.Status("pkc-a"); ok {
				t.Errorf("the cluster with the damaged entry is run: %+v", status)
			}
			w.until("the other one goes on", func() bool {
				status, _ := w.satellite.Status("pkc-b")
				return status.Ready(orrery.Generation{Term: 1, Number: 1})
			})
			clear(w.statuses)
			w.connect()
			w.until("the mothership's word heals it", w.applied("psc/pkc-a"))
		})
	}
	t.Run("format of another version", func(t *testing.T) {
		w := newWorld(t)
		w.start(true)
		w.send(psc("pkc-a"))
		w.until("a is ready", w.applied("psc/pkc-a"))
		w.stop()
		if err := replace(filepath.Join(w.dir, "ledger", "pkc-a.json"), `"format":1`, `"format":2`); err != nil {
			t.Fatal(err)
		}
		_, err := satellite.New(satellite.Config{Ledger: satellite.Directory(filepath.Join(w.dir, "ledger"))})
		if err == nil || !contains(err.Error(), "version of orrery that wrote it") {
			t.Errorf("got %v", err)
		}
	})
}

func replace(path, old, with string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(content), old, with, 1)
	if changed == string(content) {
		return errors.New("nothing to replace in " + changed)
	}
	return os.WriteFile(path, []byte(changed), 0o600)
}

func TestLocalCluster(t *testing.T) {
	w := newWorld(t)
	local := satellite.Local{ID: "pkc-control", Spec: orrery.PSCSpec{Kind: orrery.KindKafka, Type: "Control", Engine: orrery.EngineEmbedded, Brokers: 1, StorageBytes: 1}}
	w.local = []satellite.Local{local}
	w.start(true)
	w.until("it is reported", w.applied("psc/pkc-control"))
	// The mothership has no say in it.
	other := local.Spec
	other.StorageBytes = 99
	w.send(message(orrery.DesiredPSC, "pkc-control", 50, other), deleted(message(orrery.DesiredPSC, "pkc-control", 60, other)), link.Message{Kind: orrery.DesiredPSC, ID: "pkc-control", Tombstone: true})
	w.converge()
	if observed, err := w.substrate.Observe(w.ctx, "pkc-control"); err != nil || observed.Spec.StorageBytes != 1 || !observed.Brokers[0].Running {
		t.Errorf("observed %+v, %v", observed, err)
	}
	// A changed configuration is a new generation; one that is taken out of it goes on.
	w.stop()
	w.local[0].Spec.StorageBytes = 2
	w.start(true)
	w.until("the next generation is applied", func() bool {
		return w.statuses["psc/pkc-control"].Applied && w.statuses["psc/pkc-control"].Generation.Number == 2
	})
	w.stop()
	w.local = nil
	w.start(false)
	w.step()
	if status, ok := w.satellite.Status("pkc-control"); !ok || !status.Ready(orrery.Generation{Number: 2}) {
		t.Errorf("the status is %+v", status)
	}
}

func TestRegistration(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	reports := func() (n int) {
		for _, m := range w.received {
			if m.Kind == orrery.ReportSatellite && contains(string(m.Content), `"engine":"embedded"`) {
				n++
			}
		}
		return n
	}
	for range 3 {
		w.step()
	}
	if reports() != 1 {
		t.Errorf("%d registrations at the start", reports())
	}
	w.ahead = 11 * time.Minute
	w.step()
	w.step()
	if reports() != 2 {
		t.Errorf("%d registrations after eleven minutes", reports())
	}
}

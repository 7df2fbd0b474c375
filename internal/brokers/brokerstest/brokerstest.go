// Package brokerstest is the suite that every adapter of the brokers port must pass.
package brokerstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// Engine is a physical cluster under test, without topics.
type Engine interface {
	// Open opens the cluster, and closes it with the test.
	Open(t *testing.T, changed func()) brokers.Cluster
	// Nodes are the ids of its brokers, sorted.
	Nodes() []int32
	// CreateTopic makes an empty topic.
	CreateTopic(t *testing.T, name string, partitions int)
	// Append writes a record to partition 0 of a topic, several times.
	Append(t *testing.T, name string, times int)
	// CreateGroup makes a group without members.
	CreateGroup(t *testing.T, name string)
	// JoinGroup makes a group with a member, which leave takes out.
	JoinGroup(t *testing.T, name string) (leave func())
	// Topics and Groups are the names of all that there are.
	Topics(t *testing.T) []string
	Groups(t *testing.T) []string
}

const patience = time.Minute

// Run runs the suite; start returns a new engine each time.
func Run(t *testing.T, start func(t *testing.T) Engine) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, e Engine)
	}{
		{"View", testView},
		{"PrepareStateTopics", testPrepareStateTopics},
		{"State", testState},
		{"StateIsLarge", testStateIsLarge},
		{"TopicIsMissing", testTopicIsMissing},
		{"Tail", testTail},
		{"TailOfAMissingTopic", testTailOfAMissingTopic},
		{"TenantTopics", testTenantTopics},
		{"ProbeTopics", testProbeTopics},
		{"RemoveTenant", testRemoveTenant},
		{"RemoveTenantIsBounded", testRemoveTenantIsBounded},
		{"RemoveTenantRefuses", testRemoveTenantRefuses},
		{"Ends", testEnds},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, start(t)) })
	}
}

func testView(t *testing.T, e Engine) {
	c := e.Open(t, nil)
	e.CreateTopic(t, "lkc-1_a", 3)
	e.CreateTopic(t, "lkc-2_a", 2)
	got, err := c.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := brokers.View{Brokers: e.Nodes(), Topics: 2, Partitions: 5}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(brokers.View{}, "At", "Controller", "Nodes", "Quorum")); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(e.Nodes(), got.Controller) {
		t.Errorf("the controller is %d; the brokers are %v", got.Controller, e.Nodes())
	}
	var nodes []int32
	leaders, preferred, replicas := 0, 0, 0
	for _, n := range got.Nodes {
		nodes = append(nodes, n.Node)
		leaders, preferred, replicas = leaders+n.Leaders, preferred+n.PreferredLeaders, replicas+n.Replicas
		if !n.Alive || n.OutOfSync != 0 || n.Critical != n.AlwaysCritical {
			t.Errorf("in good health %+v", n)
		}
	}
	if !slices.Equal(nodes, e.Nodes()) || leaders != 5 || preferred != 5 || replicas < 5 {
		t.Errorf("the nodes are %+v", got.Nodes)
	}
}

func testPrepareStateTopics(t *testing.T, e Engine) {
	c := e.Open(t, nil)
	for range 2 {
		if err := c.PrepareStateTopics(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := e.Topics(t), []string{brokers.TopicACLs, brokers.TopicGateways, brokers.TopicTenants}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if got, err := c.View(t.Context()); err != nil || got.Partitions != len(brokers.StateTopics) {
		t.Errorf("the view is %+v (%v); want one partition each", got, err)
	}
	write(t, c, brokers.TopicTenants, record("a", "1"))
	if err := c.PrepareStateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, brokers.TopicTenants); len(got) != 1 {
		t.Errorf("preparing again changed the state to %+v", got)
	}
}

// Nothing but the probes themselves sees the topics of probes.
func testProbeTopics(t *testing.T, e Engine) {
	c := e.Open(t, nil)
	e.CreateTopic(t, "lkc-1_a", 1)
	if err := c.PrepareProbeTopics(t.Context(), e.Nodes()); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, node := range e.Nodes() {
		want = append(want, brokers.ProbeTopic(node))
	}
	want = append([]string{"lkc-1_a"}, want...)
	if got := e.Topics(t); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	view, err := c.View(t.Context())
	if err != nil || view.Partitions != 1 {
		t.Errorf("the view is %+v (%v); want one partition", view, err)
	}
	partitions, err := c.Partitions(t.Context())
	if err != nil || len(partitions) != 1 {
		t.Errorf("the partitions are %+v (%v)", partitions, err)
	}
	tenants, err := c.TenantTopics(t.Context())
	if err != nil || len(tenants) != 1 {
		t.Errorf("the topics of tenants are %+v (%v)", tenants, err)
	}
	for range 2 {
		if err := c.PrepareProbeTopics(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.Topics(t); !cmp.Equal(got, []string{"lkc-1_a"}) {
		t.Errorf("without brokers to probe there are %q", got)
	}
}

func testState(t *testing.T, e Engine) {
	c := prepared(t, e, nil)
	if got := read(t, c, brokers.TopicTenants); len(got) != 0 {
		t.Errorf("the state begins with %+v", got)
	}
	if end := write(t, c, brokers.TopicTenants, record("b", "1"), record("a", "1"), record("c", "1"), record("b", "2")); end != 4 {
		t.Errorf("the end is %d; want 4", end)
	}
	if end := write(t, c, brokers.TopicTenants); end != 4 {
		t.Errorf("the end after writing nothing is %d; want 4", end)
	}
	if end := write(t, c, brokers.TopicTenants, brokers.Record{Key: "c"}, record("d", "")); end != 6 {
		t.Errorf("the end is %d; want 6", end)
	}
	want := []brokers.Record{{Key: "a", Value: []byte("1"), Offset: 1}, {Key: "b", Value: []byte("2"), Offset: 3}, {Key: "d", Value: []byte{}, Offset: 5}}
	for range 2 {
		if got := read(t, c, brokers.TopicTenants); !cmp.Equal(got, want) {
			t.Error(cmp.Diff(want, got))
		}
	}
	if got := read(t, e.Open(t, nil), brokers.TopicTenants); !cmp.Equal(got, want) {
		t.Errorf("another session: %s", cmp.Diff(want, got))
	}
	if got := read(t, c, brokers.TopicGateways); len(got) != 0 {
		t.Errorf("the other topic has %+v", got)
	}
}

func testStateIsLarge(t *testing.T, e Engine) {
	c := prepared(t, e, nil)
	const keys, size = 300, 20 << 10 // more than one fetch or one batch
	var records []brokers.Record
	for i := range keys {
		records = append(records, record(fmt.Sprintf("key-%03d", i), strings.Repeat("x", size)))
	}
	if end := write(t, c, brokers.TopicTenants, records...); end != keys {
		t.Errorf("the end is %d; want %d", end, keys)
	}
	got := read(t, c, brokers.TopicTenants)
	if len(got) != keys {
		t.Fatalf("read %d records; want %d", len(got), keys)
	}
	for i, r := range got {
		if r.Offset != int64(i) || len(r.Value) != size {
			t.Fatalf("record %d is %s at %d with %d bytes", i, r.Key, r.Offset, len(r.Value))
		}
	}
}

func testTopicIsMissing(t *testing.T, e Engine) {
	c := e.Open(t, nil)
	if _, err := c.ReadState(t.Context(), "_orrery_none"); err == nil || !strings.Contains(err.Error(), "_orrery_none") {
		t.Errorf("ReadState of a missing topic returned %v", err)
	}
	if _, err := c.WriteState(t.Context(), "_orrery_none", []brokers.Record{record("a", "1")}); err == nil || !strings.Contains(err.Error(), "_orrery_none") {
		t.Errorf("WriteState to a missing topic returned %v", err)
	}
	// It works once the topic is there.
	e.CreateTopic(t, "_orrery_none", 1)
	if end := write(t, c, "_orrery_none", record("a", "1")); end != 1 {
		t.Errorf("the end is %d; want 1", end)
	}
}

func testTail(t *testing.T, e Engine) {
	changed := make(chan struct{}, 10_000)
	writer := prepared(t, e, nil)
	write(t, writer, brokers.TopicGateways, record("a", "1"), record("b", "1"))
	c := e.Open(t, func() { changed <- struct{}{} })
	if _, ready := c.Tail(brokers.TopicGateways); ready {
		t.Error("the first Tail is ready")
	}
	tail(t, c, brokers.TopicGateways, record("a", "1"), record("b", "1"))
	drain(changed)
	for i := range 5 {
		value := fmt.Sprint("2.", i)
		write(t, writer, brokers.TopicGateways, record("a", value), record("c", value), brokers.Record{Key: "b"})
		select {
		case <-changed:
		case <-time.After(patience):
			t.Fatal("changed was not called")
		}
		tail(t, c, brokers.TopicGateways, record("a", value), record("c", value))
	}
	// A second topic, and one that is empty, can be followed as well.
	tail(t, c, brokers.TopicTenants)
	write(t, writer, brokers.TopicTenants, record("x", "1"))
	tail(t, c, brokers.TopicTenants, record("x", "1"))
	c.Close()
	if _, ready := c.Tail(brokers.TopicGateways); ready {
		t.Error("Tail is ready after Close")
	}
}

func testTailOfAMissingTopic(t *testing.T, e Engine) {
	c := e.Open(t, nil)
	for range 2 {
		if records, ready := c.Tail(brokers.TopicGateways); ready || len(records) != 0 {
			t.Errorf("Tail of a missing topic returned %+v, %t", records, ready)
		}
	}
	if err := c.PrepareStateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, c, brokers.TopicGateways, record("a", "1"))
	tail(t, c, brokers.TopicGateways, record("a", "1"))
}

func testRemoveTenant(t *testing.T, e Engine) {
	c := prepared(t, e, nil)
	for _, name := range []string{"lkc-1_a", "lkc-1__orrery_tenants", "lkc-1_b", "lkc-11_a", "lkc-2_lkc-1_a", "lkc-1.other"} {
		e.CreateTopic(t, name, 2)
	}
	e.CreateGroup(t, "lkc-1_group")
	e.CreateGroup(t, "lkc-11_group")
	leave := e.JoinGroup(t, "lkc-1_busy")
	left, err := c.RemoveTenant(t.Context(), "lkc-1_")
	if err != nil || left != 1 {
		t.Errorf("RemoveTenant returned %d, %v; want the group that has a member", left, err)
	}
	topics := []string{brokers.TopicACLs, brokers.TopicGateways, brokers.TopicTenants, "lkc-1.other", "lkc-11_a", "lkc-2_lkc-1_a"}
	if got := e.Topics(t); !cmp.Equal(got, topics) {
		t.Error(cmp.Diff(topics, got))
	}
	if got, want := e.Groups(t), []string{"lkc-11_group", "lkc-1_busy"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	leave()
	for range 2 { // the second time there is nothing
		if left, err := c.RemoveTenant(t.Context(), "lkc-1_"); err != nil || left != 0 {
			t.Errorf("RemoveTenant returned %d, %v; want none left", left, err)
		}
	}
	if got, want := e.Groups(t), []string{"lkc-11_group"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func testRemoveTenantIsBounded(t *testing.T, e Engine) {
	c := e.Open(t, nil)
	const topics = 450
	for i := range topics {
		e.CreateTopic(t, fmt.Sprintf("lkc-1_%03d", i), 1)
	}
	last := topics
	for calls := 1; last > 0; calls++ {
		left, err := c.RemoveTenant(t.Context(), "lkc-1_")
		if err != nil {
			t.Fatal(err)
		}
		if left >= last || calls > 10 {
			t.Fatalf("call %d left %d of %d", calls, left, last)
		}
		if calls == 1 && left == 0 {
			t.Error("one call removed everything")
		}
		last = left
	}
	if got := e.Topics(t); len(got) != 0 {
		t.Errorf("%d topics are there although none was left", len(got))
	}
}

func testTenantTopics(t *testing.T, e Engine) {
	c := prepared(t, e, nil)
	if got, err := c.TenantTopics(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("without tenants: %+v, %v", got, err)
	}
	e.CreateTopic(t, "lkc-2_a", 3)
	e.CreateTopic(t, "lkc-1_a", 1)
	e.CreateTopic(t, "lkcs", 1)
	e.Append(t, "lkc-2_a", 5)
	got := tenantTopics(t, c)
	want := []brokers.TenantTopic{{Name: "lkc-1_a", Partitions: 1}, {Name: "lkc-2_a", Partitions: 3, End: 5}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(brokers.TenantTopic{}, "ID", "Bytes")); diff != "" {
		t.Fatal(diff)
	}
	if got[0].ID == got[1].ID || got[0].Bytes != 0 || got[1].Bytes <= 0 {
		t.Errorf("they are %+v", got)
	}
	if left, err := c.RemoveTenant(t.Context(), "lkc-2_"); err != nil || left != 0 {
		t.Fatal(left, err)
	}
	e.CreateTopic(t, "lkc-2_a", 1)
	again := tenantTopics(t, c)
	if len(again) != 2 || again[1].ID == got[1].ID || again[1].End != 0 || again[0].ID != got[0].ID {
		t.Errorf("one that was made again is %+v; before it was %+v", again, got)
	}
}

// tenantTopics returns the topics once their leaders are known.
func tenantTopics(t *testing.T, c brokers.Cluster) (topics []brokers.TenantTopic) {
	t.Helper()
	poll.Success(t, func() (err error) {
		if topics, err = c.TenantTopics(t.Context()); err != nil {
			return err
		}
		for _, topic := range topics {
			if topic.End < 0 {
				return fmt.Errorf("%s has no leader", topic.Name)
			}
		}
		return nil
	})
	return topics
}

func testRemoveTenantRefuses(t *testing.T, e Engine) {
	c := prepared(t, e, nil)
	e.CreateTopic(t, "lkc-1_a", 1)
	before := e.Topics(t)
	for _, prefix := range []string{"", "_", "_orrery_", "lkc", "lkc-", "lkc-_", "lkc-1", "l", "lkc-1_a_"} {
		if _, err := c.RemoveTenant(t.Context(), prefix); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("RemoveTenant(%q) returned %v; want an Invalid error", prefix, err)
		}
	}
	if got := e.Topics(t); !cmp.Equal(got, before) {
		t.Error(cmp.Diff(before, got))
	}
}

// testEnds checks that calls end with their context and with Close.
func testEnds(t *testing.T, e Engine) {
	c := prepared(t, e, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	all(t, c, ended, "an ended context")
	c.Close()
	all(t, c, t.Context(), "Close")
	c.Close()
}

func all(t *testing.T, c brokers.Cluster, ctx context.Context, after string) {
	t.Helper()
	calls := map[string]func() error{
		"View":               func() error { _, err := c.View(ctx); return err },
		"PrepareStateTopics": func() error { return c.PrepareStateTopics(ctx) },
		"ReadState":          func() error { _, err := c.ReadState(ctx, brokers.TopicTenants); return err },
		"WriteState": func() error {
			_, err := c.WriteState(ctx, brokers.TopicTenants, []brokers.Record{record("a", "1")})
			return err
		},
		"TenantTopics": func() error { _, err := c.TenantTopics(ctx); return err },
		"RemoveTenant": func() error { _, err := c.RemoveTenant(ctx, "lkc-1_"); return err },
	}
	for name, call := range calls {
		if call() == nil {
			t.Errorf("%s after %s returned nil", name, after)
		}
	}
}

func record(key, value string) brokers.Record {
	return brokers.Record{Key: key, Value: []byte(value)}
}

func prepared(t *testing.T, e Engine, changed func()) brokers.Cluster {
	t.Helper()
	c := e.Open(t, changed)
	if err := c.PrepareStateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c brokers.Cluster, topic string, records ...brokers.Record) int64 {
	t.Helper()
	end, err := c.WriteState(t.Context(), topic, records)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

func read(t *testing.T, c brokers.Cluster, topic string) []brokers.Record {
	t.Helper()
	records, err := c.ReadState(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// tail waits until the topic's tail is ready and has exactly these records.
func tail(t *testing.T, c brokers.Cluster, topic string, want ...brokers.Record) {
	t.Helper()
	poll.Success(t, func() error {
		got, ready := c.Tail(topic)
		if ready && cmp.Equal(got, want, cmpopts.IgnoreFields(brokers.Record{}, "Offset"), cmpopts.EquateEmpty()) {
			return nil
		}
		return fmt.Errorf("the tail of %s is %+v (ready: %t); want %+v", topic, got, ready, want)
	})
}

func drain(c chan struct{}) {
	for {
		select {
		case <-c:
		default:
			return
		}
	}
}

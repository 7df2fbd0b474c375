package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The state topics, each of one partition; see tenancy.
const (
	topicTenants  = "_orrery_tenants"
	topicGateways = "_orrery_gateways"
	topicACLs     = "_orrery_acls" // the tenants' own ACLs
)

const (
	// followRetry is how long the gateway waits after a failure to read its state.
	followRetry = 100 * time.Millisecond
	// followWait is for how long a broker holds a fetch without news; it answers at once when there are some. A topic that
	// comes to that broker meanwhile waits for it: at the start, where its offset is known a moment after the other's, and
	// when its leader changes.
	followWait = 500 * time.Millisecond
)

// followedTopics are what the gateway knows its tenants from.
var followedTopics = []string{topicTenants, topicACLs}

// follower applies _orrery_tenants and _orrery_acls to the gateway.
type follower struct {
	gateway *Gateway
	client  *kgo.Client
	// positions are the offsets after the last records that were applied, by topic.
	positions map[string]int64
	// again are the topics that are being read again.
	again map[string]*rereading
}

// rereading is a topic that begins to come again from an earlier record, because its broker lost records or the client
// takes it to have. What it says on the way was once true, as of a key that was deleted later, so all of it is put into
// force at once when the end is reached.
type rereading struct {
	records       []stateRecord
	position, end int64
}

func newFollower(g *Gateway) *follower {
	f := &follower{gateway: g, client: g.control.client, positions: map[string]int64{}, again: map[string]*rereading{}}
	from := map[string]map[int32]kgo.Offset{}
	for _, topic := range followedTopics {
		from[topic] = map[int32]kgo.Offset{0: kgo.NewOffset().AtStart()}
	}
	f.client.AddConsumePartitions(from)
	return f
}

// end returns the offset after the last record of a topic now, trying until ctx ends.
func (f *follower) end(ctx context.Context, topic string) (start, end int64, err error) {
	admin := kadm.NewClient(f.client)
	for {
		start, end, err = listBounds(ctx, admin, topic)
		if err == nil || ctx.Err() != nil {
			return start, end, err
		}
		f.gateway.warn("cannot read the gateway's state topic; trying again", err)
		if err := sleep(ctx, followRetry); err != nil {
			return 0, 0, err
		}
	}
}

func listBounds(ctx context.Context, admin *kadm.Client, topic string) (start, end int64, err error) {
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, 0, err
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, 0, err
	}
	first, ok := starts.Lookup(topic, 0)
	last, ok2 := ends.Lookup(topic, 0)
	switch {
	case !ok || !ok2:
		return 0, 0, fmt.Errorf("the topic %s does not exist", topic)
	case first.Err != nil:
		return 0, 0, first.Err
	case last.Err != nil:
		return 0, 0, last.Err
	}
	return first.Offset, last.Offset, nil
}

// readToEnd applies records until everything that was in the topics at the call is in force.
func (f *follower) readToEnd(ctx context.Context) error {
	for _, topic := range followedTopics {
		start, end, err := f.end(ctx, topic)
		if err != nil {
			return err
		}
		if start >= end {
			f.positions[topic] = max(f.positions[topic], end)
		}
		for f.positions[topic] < end {
			if err := f.poll(ctx); err != nil {
				return err
			}
		}
	}
	f.applied()
	return nil
}

// applied says what is in force.
func (f *follower) applied() {
	f.gateway.applied(f.positions[topicTenants])
	f.gateway.rules.advance(f.positions[topicACLs])
}

// poll waits for records and applies them.
func (f *follower) poll(ctx context.Context) error {
	fetches := f.client.PollFetches(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if fetches.IsClientClosed() {
		return errors.New("the gateway's own connection was closed")
	}
	var failed bool
	fetches.EachError(func(topic string, partition int32, err error) {
		failed = true
		f.gateway.warn("cannot read the gateway's state topic; trying again", fmt.Errorf("%s/%d: %w", topic, partition, err))
	})
	var records []stateRecord
	fetches.EachRecord(func(r *kgo.Record) { records = f.take(records, r) })
	for _, topic := range followedTopics {
		again := f.again[topic]
		if again == nil {
			continue
		}
		if again.end < 0 {
			var err error
			if _, again.end, err = f.end(ctx, topic); err != nil {
				return err
			}
		}
		records = f.finish(records, topic)
	}
	if len(records) > 0 {
		f.gateway.apply(records)
	}
	if failed {
		return sleep(ctx, followRetry)
	}
	return nil
}

// take adds a record to those to apply, or keeps it where its topic is being read again.
func (f *follower) take(records []stateRecord, r *kgo.Record) []stateRecord {
	again := f.again[r.Topic]
	if again == nil && r.Offset < f.positions[r.Topic] {
		f.gateway.config.Logger.Warn("reading a state topic again: its broker lost records, or restarted", "topic", r.Topic, "from", r.Offset, "before", f.positions[r.Topic])
		again = &rereading{end: -1}
		f.again[r.Topic] = again
	}
	to, position := &records, r.Offset+1
	if again != nil {
		to, again.position = &again.records, position
	} else {
		f.positions[r.Topic] = position
	}
	if !r.Attrs.IsControl() {
		*to = append(*to, stateRecord{r.Topic, string(r.Key), r.Value})
	}
	return records
}

// finish adds what was read again of a topic, once that is all of it.
func (f *follower) finish(records []stateRecord, topic string) []stateRecord {
	again := f.again[topic]
	if again == nil || again.position < again.end {
		return records
	}
	delete(f.again, topic)
	f.positions[topic] = again.position
	return append(records, again.records...)
}

// apply puts records into force: for new connections, for the requests of open ones, and by ending the
// connections that it no longer admits. It returns when those are gone. ACLs and client quotas end no connection.
func (g *Gateway) apply(records []stateRecord) {
	next, malformed := g.state.Load().with(records)
	for _, err := range malformed {
		g.metrics.malformed.Inc()
		g.config.Logger.Error("ignoring a malformed state record; what it was about stays as it was", "error", err)
	}
	type ended struct {
		*connection
		reason error
	}
	var victims []ended
	g.mu.Lock()
	g.state.Store(next)
	onlyACLs := !slices.ContainsFunc(records, func(r stateRecord) bool { return r.topic != topicACLs })
	for c := range g.connections {
		if onlyACLs {
			break
		}
		if !c.registered {
			continue
		}
		if err := next.stillAdmits(c, g.config.Now()); err != nil {
			victims = append(victims, ended{c, err})
		}
	}
	g.mu.Unlock()
	g.enforceClientQuotas(records)
	for _, v := range victims {
		v.end(v.reason)
	}
	for _, v := range victims {
		select {
		case <-v.done:
		case <-g.closed:
		}
	}
	g.forgetTenants(records)
	if len(victims) > 0 {
		g.config.Logger.Info("ended connections whose key or cluster is gone", slog.Int("connections", len(victims)))
	}
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

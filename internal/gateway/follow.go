package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The state topics, each of one partition; see tenancy.
const (
	topicTenants  = "_orrery_tenants"
	topicGateways = "_orrery_gateways"
)

// followRetry is how long the gateway waits after a failure to read its state.
const followRetry = 100 * time.Millisecond

// follower applies _orrery_tenants to the gateway.
type follower struct {
	gateway *Gateway
	client  *kgo.Client
	// position is the offset after the last record that was applied.
	position int64
}

// end returns the offset after the last record of _orrery_tenants now, trying until ctx ends.
func (f *follower) end(ctx context.Context) (start, end int64, err error) {
	admin := kadm.NewClient(f.client)
	for {
		start, end, err = listBounds(ctx, admin)
		if err == nil || ctx.Err() != nil {
			return start, end, err
		}
		f.gateway.warn("cannot read the gateway's state topic; trying again", err)
		if err := sleep(ctx, followRetry); err != nil {
			return 0, 0, err
		}
	}
}

func listBounds(ctx context.Context, admin *kadm.Client) (start, end int64, err error) {
	starts, err := admin.ListStartOffsets(ctx, topicTenants)
	if err != nil {
		return 0, 0, err
	}
	ends, err := admin.ListEndOffsets(ctx, topicTenants)
	if err != nil {
		return 0, 0, err
	}
	first, ok := starts.Lookup(topicTenants, 0)
	last, ok2 := ends.Lookup(topicTenants, 0)
	switch {
	case !ok || !ok2:
		return 0, 0, fmt.Errorf("the topic %s does not exist", topicTenants)
	case first.Err != nil:
		return 0, 0, first.Err
	case last.Err != nil:
		return 0, 0, last.Err
	}
	return first.Offset, last.Offset, nil
}

// readToEnd applies records until everything that was in the topic at the call is in force.
func (f *follower) readToEnd(ctx context.Context) error {
	start, end, err := f.end(ctx)
	if err != nil {
		return err
	}
	if start >= end && f.position < end {
		f.position = end
	}
	for f.position < end {
		if err := f.poll(ctx); err != nil {
			return err
		}
	}
	return nil
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
	fetches.EachRecord(func(r *kgo.Record) {
		f.position = r.Offset + 1
		if !r.Attrs.IsControl() {
			records = append(records, stateRecord{string(r.Key), r.Value})
		}
	})
	if len(records) > 0 {
		f.gateway.apply(records)
	}
	if failed {
		return sleep(ctx, followRetry)
	}
	return nil
}

// apply puts records into force: for new connections, for the requests of open ones, and by ending the
// connections that it no longer admits. It returns when those are gone.
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
	for c := range g.connections {
		if !c.registered {
			continue
		}
		if err := next.admits(c.identity, c.credentialHash); err != nil {
			victims = append(victims, ended{c, err})
		}
	}
	g.mu.Unlock()
	for _, v := range victims {
		v.end(v.reason)
	}
	for _, v := range victims {
		select {
		case <-v.done:
		case <-g.closed:
		}
	}
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

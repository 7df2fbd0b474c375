package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const (
	leaseRenewal = tenancy.LeaseDuration / 3
	leaseRetry   = 250 * time.Millisecond
	leaseTimeout = 2 * time.Second // of one write
)

// lease keeps this gateway's record in _orrery_gateways: that it lives, and how much of its state is in force.
type lease struct {
	gateway     *Gateway
	client      *kgo.Client
	incarnation string
	applied     atomic.Int64
	more        chan struct{} // capacity 1: more was applied; several at once are one write
}

// advance says that records before offset are in force.
func (l *lease) advance(offset int64) {
	if l.applied.Swap(offset) == offset {
		return
	}
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// keep renews the lease until ctx ends, and then gives it up.
func (l *lease) keep(ctx context.Context) {
	timer := time.NewTimer(leaseRenewal)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.release()
			return
		case <-timer.C:
		case <-l.more:
		}
		next := leaseRenewal
		if err := l.write(ctx, false); err != nil && ctx.Err() == nil {
			l.gateway.metrics.leaseFailures.Inc()
			l.gateway.warn("cannot renew the gateway's lease; trying again", err)
			next = leaseRetry
		}
		timer.Reset(next)
	}
}

// release ends the lease at once, so that nobody waits for a gateway that has stopped.
func (l *lease) release() {
	if err := l.write(context.Background(), true); err != nil {
		l.gateway.config.Logger.Warn("cannot give up the gateway's lease; it runs out by itself", "error", err, "after", tenancy.LeaseDuration)
	}
}

// write appends the record and returns when it is durable.
func (l *lease) write(ctx context.Context, released bool) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	node := l.gateway.config.Node
	value, err := json.Marshal(tenancy.GatewayRecord{
		Version: tenancy.StateVersion, Node: node, Incarnation: l.incarnation,
		RenewedAt: l.gateway.config.Now().UTC(), Released: released, Applied: l.applied.Load(),
		Journal: l.gateway.config.Journal.id,
	})
	if err != nil {
		return fmt.Errorf("encoding the gateway's record: %w", err)
	}
	record := &kgo.Record{Topic: topicGateways, Key: []byte(leaseKey + strconv.Itoa(int(node))), Value: value}
	if err := l.client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s: %w", topicGateways, err)
	}
	return nil
}

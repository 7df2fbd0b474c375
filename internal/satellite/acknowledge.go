package satellite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// acknowledge marks the items that every gateway with a live lease, and at least one, has applied. It returns
// when the first live lease runs out among those that hold an item up, for then it holds nothing up any more.
func acknowledge(cluster brokers.Cluster, id string, items []*item, now time.Time) (next time.Time) {
	next = now.Add(quiet)
	if len(items) == 0 {
		return next
	}
	live := liveGateways(cluster, now)
	for _, i := range items {
		if i.end == 0 || i.applied || i.forget {
			continue
		}
		i.applied, i.reason = len(live) > 0, ""
		if len(live) == 0 {
			i.reason = fmt.Sprintf("waiting for a gateway of %s: none holds a lease", id)
		}
		for _, g := range live {
			if g.Applied >= i.end {
				continue
			}
			if i.applied {
				i.applied, i.reason = false, fmt.Sprintf("waiting for gateway %d of %s", g.Node, id)
			}
			next = earlier(next, g.RenewedAt.Add(tenancy.LeaseDuration))
		}
		if i.applied && i.deleted && i.kind != orrery.DesiredTenant {
			i.gone = true
		}
	}
	return next
}

// gatewayKey is the first half of a key in _orrery_gateways that is a lease.
const gatewayKey = "gateway/"

func liveGateways(cluster brokers.Cluster, now time.Time) []tenancy.GatewayRecord {
	records, ready := cluster.Tail(brokers.TopicGateways)
	if !ready {
		return nil
	}
	var live []tenancy.GatewayRecord
	for _, r := range records {
		var g tenancy.GatewayRecord
		if !strings.HasPrefix(r.Key, gatewayKey) || json.Unmarshal(r.Value, &g) != nil {
			continue
		}
		if g.Live(now) {
			live = append(live, g)
		}
	}
	return live
}

// Pauses while a deleted tenant's topics and groups do not get fewer.
const (
	firstRemovalPause = 100 * time.Millisecond
	lastRemovalPause  = 10 * time.Second
)

// finish removes what deleted tenants left, once no gateway honours them any more: some at each step.
func (s *Satellite) finish(ctx context.Context, now time.Time, p *psc, cluster brokers.Cluster, items []*item) (next time.Time, err error) {
	next = now.Add(quiet)
	var errs []error
	for _, i := range items {
		if i.kind != orrery.DesiredTenant || !i.deleted || !i.applied || i.gone || i.forget {
			continue
		}
		if now.Before(i.retry) {
			next = earlier(next, i.retry)
			continue
		}
		left, err := cluster.RemoveTenant(ctx, string(tenancy.PrefixOf(i.id)))
		if err == nil && left == 0 {
			err = removeRules(ctx, cluster, i.id)
		}
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("satellite: removing what %s left: %w", i.id, err))
			i.reason = "its topics, groups, ACLs and client quotas cannot be removed at the moment"
			i.pause(now)
		case left == 0:
			s.lastUsage(cluster, p, i)
			i.gone, i.reason = true, ""
		default:
			i.reason = fmt.Sprintf("%d of its topics and groups are left to be removed", left)
			if left == i.left {
				i.pause(now)
			} else {
				i.left, i.attempts, i.retry = left, 0, now
			}
		}
		if !i.gone {
			next = earlier(next, i.retry)
		}
	}
	return next, errors.Join(errs...)
}

// removeRules removes the ACLs and client quotas of a logical cluster that no gateway honours any more. One that a gateway was writing
// when the cluster was deleted may come later; it does no harm, because the id is never given again.
func removeRules(ctx context.Context, cluster brokers.Cluster, logicalClusterID string) error {
	records, err := cluster.ReadState(ctx, brokers.TopicACLs)
	if err != nil {
		return err
	}
	acls, quotas := tenancy.StateKey(tenancy.StateACL, logicalClusterID+"/"), tenancy.StateKey(tenancy.StateClientQuota, logicalClusterID+"/")
	var tombstones []brokers.Record
	for _, r := range records {
		if strings.HasPrefix(r.Key, acls) || strings.HasPrefix(r.Key, quotas) {
			tombstones = append(tombstones, brokers.Record{Key: r.Key})
		}
	}
	if len(tombstones) == 0 {
		return nil
	}
	_, err = cluster.WriteState(ctx, brokers.TopicACLs, tombstones)
	return err
}

func (i *item) pause(now time.Time) {
	i.retry = now.Add(min(firstRemovalPause<<min(i.attempts, 10), lastRemovalPause))
	i.attempts++
}

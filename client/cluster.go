package client

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

const (
	clusters        = "/cmk/v2/clusters"
	logicalClusters = "/orrery/v1/logical-clusters"
)

// ListClusters lists the Kafka clusters of an environment, oldest first.
func (c *Client) ListClusters(ctx context.Context, environmentID string) iter.Seq2[wire.Cluster, error] {
	return each[wire.Cluster](ctx, c, clusters, filters("environment", environmentID))
}

// GetCluster returns a Kafka cluster of an environment.
func (c *Client) GetCluster(ctx context.Context, environmentID, id string) (wire.Cluster, error) {
	return do[wire.Cluster](ctx, c, http.MethodGet, at(clusters, id), filters("environment", environmentID), nil)
}

// CreateCluster asks for a Kafka cluster. It returns at once; WaitCluster waits until the cluster takes clients.
func (c *Client) CreateCluster(ctx context.Context, in wire.Cluster) (wire.Cluster, error) {
	return do[wire.Cluster](ctx, c, http.MethodPost, clusters, nil, in)
}

// UpdateCluster changes the fields that are set.
func (c *Client) UpdateCluster(ctx context.Context, id string, change wire.ClusterUpdate) (wire.Cluster, error) {
	return do[wire.Cluster](ctx, c, http.MethodPatch, at(clusters, id), nil, change)
}

// DeleteCluster deletes a Kafka cluster with its data; one with deletion protection is an orrery.Conflict. After
// an orrery.Unavailable error the deletion goes on, and the same call says when it is in force.
func (c *Client) DeleteCluster(ctx context.Context, environmentID, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(clusters, id), filters("environment", environmentID), nil)
	return err
}

// GetLogicalCluster returns how far a Kafka cluster is, and why it is not further.
func (c *Client) GetLogicalCluster(ctx context.Context, id string) (wire.LogicalCluster, error) {
	return do[wire.LogicalCluster](ctx, c, http.MethodGet, at(logicalClusters, id), nil, nil)
}

// GetLogicalClusterUsage returns what a Kafka cluster has used since it was made.
func (c *Client) GetLogicalClusterUsage(ctx context.Context, id string) (wire.LogicalClusterUsage, error) {
	return do[wire.LogicalClusterUsage](ctx, c, http.MethodGet, at(logicalClusters, id)+"/usage", nil, nil)
}

// GetLogicalClusterQuotas returns what a Kafka cluster may use, and which rule says so.
func (c *Client) GetLogicalClusterQuotas(ctx context.Context, id string) (wire.LogicalClusterQuotas, error) {
	return do[wire.LogicalClusterQuotas](ctx, c, http.MethodGet, at(logicalClusters, id)+"/quotas", nil, nil)
}

// Pauses between two looks at a cluster that is waited for: short at first, because most are ready at once.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
)

// WaitCluster waits until a cluster is PROVISIONED, for as long as ctx allows, and returns it. progress, where it
// is not nil, gets the cluster's state at first and whenever its phase or reason changed. A server that is
// unavailable, or asks for fewer requests, does not end the wait.
func (c *Client) WaitCluster(ctx context.Context, environmentID, id string, progress func(wire.LogicalCluster)) (wire.Cluster, error) {
	var last *wire.LogicalCluster
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		now, err := c.GetLogicalCluster(ctx, id)
		if err != nil && (ctx.Err() != nil || !temporary(err)) {
			return wire.Cluster{}, stillWaiting(ctx, last, err)
		}
		if err == nil {
			if progress != nil && (last == nil || last.Status.Phase != now.Status.Phase || last.Status.State.Reason != now.Status.State.Reason) {
				progress(now)
			}
			last = &now
			switch now.Status.Phase {
			case wire.PhaseProvisioned:
				return c.GetCluster(ctx, cmp.Or(environmentID, now.Environment.ID), id)
			case wire.PhaseFailed:
				return wire.Cluster{}, orrery.Errorf(orrery.Conflict, "cluster %s failed: %s", id, now.Status.State.Reason)
			}
		}
		timer := time.NewTimer(max(pause, retryAfter(err)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return wire.Cluster{}, stillWaiting(ctx, last, ctx.Err())
		}
	}
}

func temporary(err error) bool {
	code := orrery.ErrorCode(err)
	return code == orrery.Unavailable || code == orrery.TooManyRequests
}

func retryAfter(err error) time.Duration {
	if f := (*Failure)(nil); errors.As(err, &f) {
		return f.RetryAfter
	}
	return 0
}

// stillWaiting says, where ctx ended the wait, what the cluster was waiting for.
func stillWaiting(ctx context.Context, last *wire.LogicalCluster, err error) error {
	if ctx.Err() == nil || last == nil {
		return err
	}
	reason := cmp.Or(last.Status.State.Reason, "no reason is known")
	return &orrery.Error{Code: orrery.Unavailable, Message: "cluster " + last.ID + " is still " + last.Status.Phase + ": " + reason, Err: ctx.Err()}
}

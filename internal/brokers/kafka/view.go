package kafka

import (
	"context"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// View reads the metadata of the whole cluster. A partition without a leader counts as offline, one with a
// replica out of sync as under-replicated (an offline one is both where it has replicas).
func (c *Cluster) View(ctx context.Context) (brokers.View, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	metadata, err := c.metadata(ctx)
	if err != nil {
		return brokers.View{}, c.wrap("viewing it", err)
	}
	view := brokers.View{Controller: metadata.ControllerID, Topics: len(metadata.Topics), At: time.Now()}
	for _, broker := range metadata.Brokers {
		view.Brokers = append(view.Brokers, broker.NodeID)
	}
	slices.Sort(view.Brokers)
	for _, topic := range metadata.Topics {
		view.Partitions += len(topic.Partitions)
		for _, p := range topic.Partitions {
			if p.Leader < 0 {
				view.OfflinePartitions++
			}
			if len(p.ISR) < len(p.Replicas) {
				view.UnderReplicatedPartitions++
			}
		}
	}
	return view, nil
}

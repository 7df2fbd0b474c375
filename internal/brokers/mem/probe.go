package mem

import (
	"context"
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// PrepareProbeTopics makes those that are missing on brokers that are alive, and removes the others.
func (s *session) PrepareProbeTopics(ctx context.Context, nodes []int32) error {
	err := s.begin(ctx, "preparing the probe topics")
	defer s.b.mu.Unlock()
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, node := range nodes {
		wanted[brokers.ProbeTopic(node)] = true
	}
	maps.DeleteFunc(s.b.topics, func(name string, _ *topic) bool { return brokers.IsProbe(name) && !wanted[name] })
	alive := s.b.alive()
	for _, node := range nodes {
		name := brokers.ProbeTopic(node)
		if s.b.topics[name] != nil || !slices.Contains(alive, node) {
			continue
		}
		s.b.made++
		p := brokers.Partition{Topic: name, Leader: node, Replicas: []int32{node}, InSync: []int32{node}}
		s.b.topics[name] = &topic{made: s.b.made, minInSync: 1, partitions: []brokers.Partition{p}}
	}
	return nil
}

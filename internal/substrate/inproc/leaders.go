package inproc

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// client opens a client with the platform's own rights.
func (d *doors) client(nodes []int32) (*kgo.Client, error) {
	seeds := make([]string, len(nodes))
	for i, node := range nodes {
		seeds[i] = brokerAddress(node)
	}
	return kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.Dialer(d.dialAddress), kgo.ClientID("orrery-substrate"))
}

// spreadLeaders gives each partition a leader that follows from its name, among the nodes that run: kfake deals
// leaders at random when its nodes change, which may be uneven. The engine is locked.
func (e *engine) spreadLeaders(ctx context.Context) error {
	nodes := slices.Sorted(maps.Keys(e.running))
	if len(nodes) < 2 {
		return nil
	}
	client, err := e.doors.client(nodes)
	if err != nil {
		return fmt.Errorf("opening a client: %w", err)
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil // all
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("listing partitions: %w", err)
	}
	for _, topic := range response.Topics {
		if topic.Topic == nil {
			continue
		}
		h := fnv.New32a()
		h.Write([]byte(*topic.Topic))
		for _, p := range topic.Partitions {
			leader := nodes[(h.Sum32()+uint32(p.Partition))%uint32(len(nodes))]
			if p.Leader == leader {
				continue
			}
			if err := e.cluster.MoveTopicPartition(*topic.Topic, p.Partition, leader); err != nil {
				e.logger.Debug("a partition kept its leader", "topic", *topic.Topic, "partition", p.Partition, "error", err)
			}
		}
	}
	return nil
}

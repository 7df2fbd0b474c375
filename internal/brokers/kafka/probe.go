package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// PrepareProbeTopics asks for all topics, and changes what is not as it should be. A topic whose broker lost it (its
// storage was made anew) has no leader; it is made again, for nobody needs what was in it.
func (c *Cluster) PrepareProbeTopics(ctx context.Context, nodes []int32) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	metadata, err := c.metadata(ctx)
	if err != nil {
		return c.wrap("preparing the probe topics", err)
	}
	alive := map[int32]bool{}
	for _, b := range metadata.Brokers {
		alive[b.NodeID] = true
	}
	wanted := map[string]int32{}
	for _, node := range nodes {
		wanted[brokers.ProbeTopic(node)] = node
	}
	var wrong []string
	for _, t := range metadata.Topics {
		if t.Topic == nil || !brokers.IsProbe(*t.Topic) {
			continue
		}
		node, ok := wanted[*t.Topic]
		if !ok || !probes(t, node, alive[node]) {
			wrong = append(wrong, *t.Topic)
		}
		delete(wanted, *t.Topic)
	}
	if len(wrong) > 0 {
		deleted, err := c.admin.DeleteTopics(ctx, wrong...)
		if err == nil {
			err = deleted.Error()
		}
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return c.wrap(fmt.Sprintf("deleting the probe topics %q", wrong), err)
		}
	}
	return c.wrap("creating the probe topics", c.createProbeTopics(ctx, wanted, alive))
}

// probes reports whether a topic is as it should be, as far as that can be seen.
func probes(t kmsg.MetadataResponseTopic, node int32, alive bool) bool {
	if len(t.Partitions) != 1 || !slices.Equal(t.Partitions[0].Replicas, []int32{node}) {
		return false
	}
	return t.Partitions[0].Leader == node || !alive
}

func (c *Cluster) createProbeTopics(ctx context.Context, wanted map[string]int32, alive map[int32]bool) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32(callTimeout.Milliseconds())
	for name, node := range wanted {
		if !alive[node] {
			continue
		}
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
		t.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{node}}}
		for _, setting := range [][2]string{
			{"min.insync.replicas", "1"},
			{"retention.ms", strconv.FormatInt(time.Hour.Milliseconds(), 10)},
			{"segment.bytes", strconv.Itoa(1 << 20)},
			{"segment.ms", strconv.FormatInt(time.Hour.Milliseconds(), 10)},
		} {
			config := kmsg.NewCreateTopicsRequestTopicConfig()
			config.Name, config.Value = setting[0], kadm.StringPtr(setting[1])
			t.Configs = append(t.Configs, config)
		}
		request.Topics = append(request.Topics, t)
	}
	if len(request.Topics) == 0 {
		return nil
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("%s: %w", t.Topic, err))
		}
	}
	return errors.Join(errs...)
}

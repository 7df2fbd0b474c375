package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
)

// The settings of replication quotas (KIP-73): at which rates brokers send and take, and which replicas that is about. A
// broker never holds back a replica that is in sync.
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"
)

// partitionID is a partition by name.
type partitionID struct {
	topic  string
	number int32
}

// reassignments are the moves that have not ended.
type reassignments map[partitionID]struct{ adding, removing []int32 }

// reassignments asks the controllers.
func (c *Cluster) reassignments(ctx context.Context) (reassignments, error) {
	ctx, cancel := context.WithTimeout(ctx, controllerTimeout)
	defer cancel()
	request := kmsg.NewPtrListPartitionReassignmentsRequest()
	request.TimeoutMillis = int32(controllerTimeout.Milliseconds())
	response, err := ask(ctx, c, request)
	if err == nil {
		err = failure(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return nil, fmt.Errorf("listing reassignments: %w", err)
	}
	moving := reassignments{}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			moving[partitionID{t.Topic, p.Partition}] = struct{ adding, removing []int32 }{p.AddingReplicas, p.RemovingReplicas}
		}
	}
	return moving, nil
}

// throttle returns the rate that Reassign set, or 0.
func (c *Cluster) throttle(ctx context.Context) (int64, error) {
	settings, err := c.settings(ctx, brokers.ClusterWide, []string{leaderRate, followerRate})
	if err != nil {
		return 0, err
	}
	var rate int64
	for _, s := range settings {
		n, err := strconv.ParseInt(s.Value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is %q: %w", s.Name, s.Value, err)
		}
		rate = max(rate, n)
	}
	return rate, nil
}

// Reassign sets the rates, then which replicas are held back, and then the moves (KIP-455), so that nothing is ever copied
// without. The rates are cluster-wide: a broker that is added later has them too. Moves that are under way already, or that
// have ended, are left out.
func (c *Cluster) Reassign(ctx context.Context, moves []brokers.Move, bytesPerSecond int64) error {
	if err := brokers.CheckReassignment(moves, bytesPerSecond); err != nil {
		return err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	partitions, err := c.partitions(ctx)
	if err != nil {
		return c.wrap("moving partitions", err)
	}
	due, err := c.due(ctx, partitions, moves)
	if err != nil {
		return c.wrap("moving partitions", err)
	}
	if err := c.setRate(ctx, bytesPerSecond); err != nil {
		return c.wrap("setting the throttle", err)
	}
	if err := c.holdBack(ctx, partitions, due); err != nil {
		return c.wrap("setting the throttle of topics", err)
	}
	return c.wrap("moving partitions", c.move(ctx, due))
}

// due returns the moves that are not under way yet, or an Invalid error.
func (c *Cluster) due(ctx context.Context, partitions []brokers.Partition, moves []brokers.Move) ([]brokers.Move, error) {
	nodes, err := c.registered(ctx)
	if err != nil {
		return nil, err
	}
	known := make(map[partitionID]brokers.Partition, len(partitions))
	for _, p := range partitions {
		known[partitionID{p.Topic, p.Number}] = p
	}
	var due []brokers.Move
	for _, m := range moves {
		p, ok := known[partitionID{m.Topic, m.Number}]
		if !ok {
			return nil, orrery.Errorf(orrery.Invalid, "there is no partition %s-%d", m.Topic, m.Number)
		}
		for _, node := range m.Replicas {
			if !slices.ContainsFunc(nodes, func(n brokers.NodeView) bool { return n.Node == node }) {
				return nil, orrery.Errorf(orrery.Invalid, "%s-%d cannot be on broker %d, which is not registered", m.Topic, m.Number, node)
			}
		}
		calledOff := len(m.Replicas) == 0 && len(p.Adding)+len(p.Removing) == 0
		if !calledOff && !slices.Equal(m.Replicas, target(p)) {
			due = append(due, m)
		}
	}
	return due, nil
}

// target is what the replicas of a partition are going to be.
func target(p brokers.Partition) []int32 {
	return slices.DeleteFunc(slices.Clone(p.Replicas), func(node int32) bool { return slices.Contains(p.Removing, node) })
}

func (c *Cluster) setRate(ctx context.Context, bytesPerSecond int64) error {
	rate, err := c.throttle(ctx)
	if err != nil || rate == bytesPerSecond {
		return err
	}
	value := strconv.FormatInt(bytesPerSecond, 10)
	return c.alter(ctx, brokers.ClusterWide, map[string]*string{leaderRate: &value, followerRate: &value})
}

// holdBack names the replicas of the topics with moves that are to be held back: of each partition that is moved, now or
// from before, those that copy, and those that are copied from.
func (c *Cluster) holdBack(ctx context.Context, partitions []brokers.Partition, moves []brokers.Move) error {
	targets := map[partitionID][]int32{}
	topics := map[string]bool{}
	for _, m := range moves {
		targets[partitionID{m.Topic, m.Number}] = m.Replicas
		topics[m.Topic] = true
	}
	type held struct{ from, to []string }
	all := map[string]*held{}
	for _, p := range partitions {
		goal, ok := targets[partitionID{p.Topic, p.Number}]
		if !ok {
			goal = target(p)
		}
		for _, node := range goal {
			if !topics[p.Topic] || slices.Contains(p.Replicas, node) && !slices.Contains(p.Adding, node) {
				continue
			}
			h := all[p.Topic]
			if h == nil {
				h = &held{}
				all[p.Topic] = h
			}
			h.to = append(h.to, fmt.Sprintf("%d:%d", p.Number, node))
			for _, source := range p.Replicas {
				if from := fmt.Sprintf("%d:%d", p.Number, source); !slices.Contains(p.Adding, source) && !slices.Contains(h.from, from) {
					h.from = append(h.from, from)
				}
			}
		}
	}
	changes := map[string]map[string]*string{}
	for topic, h := range all {
		from, to := strings.Join(h.from, ","), strings.Join(h.to, ",")
		changes[topic] = map[string]*string{leaderReplicas: &from, followerReplicas: &to}
	}
	return c.alterTopics(ctx, changes)
}

// alterTopics changes settings of topics, a page at a time.
func (c *Cluster) alterTopics(ctx context.Context, changes map[string]map[string]*string) error {
	for page := range slices.Chunk(slices.Sorted(maps.Keys(changes)), topicsPerPage) {
		request := kmsg.NewPtrIncrementalAlterConfigsRequest()
		for _, topic := range page {
			request.Resources = append(request.Resources, alteration(kmsg.ConfigResourceTypeTopic, topic, changes[topic]))
		}
		response, err := ask(ctx, c, request)
		if err == nil {
			err = alterationFailure(response)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) move(ctx context.Context, moves []brokers.Move) error {
	if len(moves) == 0 {
		return nil
	}
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	request.TimeoutMillis = int32(callTimeout.Milliseconds() / 2)
	topics := map[string]int{}
	for _, m := range moves {
		i, ok := topics[m.Topic]
		if !ok {
			i = len(request.Topics)
			topics[m.Topic] = i
			topic := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			topic.Topic = m.Topic
			request.Topics = append(request.Topics, topic)
		}
		partition := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		partition.Partition, partition.Replicas = m.Number, m.Replicas
		if len(m.Replicas) == 0 {
			partition.Replicas = nil // calls it off
		}
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, partition)
	}
	response, err := ask(ctx, c, request)
	if err == nil {
		err = failure(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			err := failure(p.ErrorCode, p.ErrorMessage)
			if err != nil && !errors.Is(err, kerr.NoReassignmentInProgress) {
				return fmt.Errorf("%s-%d: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}

// EndReassignment takes the names of replicas away first and the rates last: as long as there are rates, there may be names.
func (c *Cluster) EndReassignment(ctx context.Context) (left int, err error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	moving, err := c.reassignments(ctx)
	if err != nil || len(moving) > 0 {
		return len(moving), c.wrap("ending the reassignment", err)
	}
	rate, err := c.throttle(ctx)
	if err != nil || rate == 0 {
		return 0, c.wrap("ending the reassignment", err)
	}
	metadata, err := c.metadata(ctx)
	if err != nil {
		return 0, c.wrap("ending the reassignment", err)
	}
	changes := map[string]map[string]*string{}
	var names []string
	for _, t := range metadata.Topics {
		if t.Topic != nil {
			names = append(names, *t.Topic)
		}
	}
	err = c.topicSettings(ctx, names, []string{leaderReplicas, followerReplicas}, func(topic string, s kmsg.DescribeConfigsResponseResourceConfig) {
		if s.Source == kmsg.ConfigSourceDynamicTopicConfig {
			changes[topic] = map[string]*string{leaderReplicas: nil, followerReplicas: nil}
		}
	})
	if err == nil {
		err = c.alterTopics(ctx, changes)
	}
	if err == nil {
		err = c.alter(ctx, brokers.ClusterWide, map[string]*string{leaderRate: nil, followerRate: nil})
	}
	return 0, c.wrap("taking the throttle away", err)
}

// ElectPreferredLeaders elects where the first replica is in sync and does not lead.
func (c *Cluster) ElectPreferredLeaders(ctx context.Context) (left int, err error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	metadata, err := c.metadata(ctx)
	if err != nil {
		return 0, c.wrap("electing preferred leaders", err)
	}
	request := kmsg.NewPtrElectLeadersRequest()
	request.ElectionType, request.TimeoutMillis = 0, int32(callTimeout.Milliseconds()/2)
	asked := 0
	for _, t := range metadata.Topics {
		topic := kmsg.NewElectLeadersRequestTopic()
		for _, p := range t.Partitions {
			switch {
			case len(p.Replicas) == 0 || p.Leader == p.Replicas[0] || !slices.Contains(p.ISR, p.Replicas[0]):
			case asked == brokers.MostMoves:
				left++
			default:
				asked++
				topic.Partitions = append(topic.Partitions, p.Partition)
			}
		}
		if t.Topic != nil && len(topic.Partitions) > 0 {
			topic.Topic = *t.Topic
			request.Topics = append(request.Topics, topic)
		}
	}
	if asked == 0 {
		return 0, nil
	}
	response, err := ask(ctx, c, request)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if err != nil {
		return left + asked, c.wrap("electing preferred leaders", err)
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 && p.ErrorCode != kerr.ElectionNotNeeded.Code {
				left++
			}
		}
	}
	return left, nil
}

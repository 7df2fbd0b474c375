package kafka

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// View asks for the metadata of the whole cluster, all registered brokers, throttle, reassignments and quorum, one request
// each, and now and then for the topics' min.insync.replicas, a thousand topics each. Where no controller answers in time,
// there is no quorum, and Reassigning is -1.
func (c *Cluster) View(ctx context.Context) (brokers.View, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	metadata, err := c.metadata(ctx)
	if err != nil {
		return brokers.View{}, c.wrap("viewing it", err)
	}
	view := brokers.View{Controller: metadata.ControllerID, Topics: len(metadata.Topics), At: time.Now()}
	if view.Nodes, err = c.registered(ctx); err != nil {
		return brokers.View{}, c.wrap("viewing its brokers", err)
	}
	for _, n := range view.Nodes {
		if n.Alive {
			view.Brokers = append(view.Brokers, n.Node)
		}
	}
	minInSync, err := c.minimums(ctx, metadata.Topics, view.At)
	if err != nil {
		return brokers.View{}, c.wrap("reading min.insync.replicas", err)
	}
	if view.Throttle, err = c.throttle(ctx); err != nil {
		return brokers.View{}, c.wrap("reading the throttle", err)
	}
	has, err := c.hasQuorum(ctx)
	if err != nil {
		return brokers.View{}, c.wrap("viewing it", err)
	}
	view.Quorum.Leader = -1
	if has {
		view.Quorum = c.describeQuorum(ctx, view.At)
		view.Controller = view.Quorum.Leader
	}
	moving := reassignments{}
	if view.Controller >= 0 {
		moving, err = c.reassignments(ctx)
	}
	if view.Reassigning = len(moving); view.Controller < 0 || err != nil {
		view.Reassigning = -1
	}
	view.Assess(partitionsOf(metadata, moving), minInSync)
	return view, nil
}

// registered returns all brokers that are, also fenced ones, by node.
func (c *Cluster) registered(ctx context.Context) ([]brokers.NodeView, error) {
	request := kmsg.NewPtrDescribeClusterRequest()
	request.IncludeFencedBrokers = true
	response, err := ask(ctx, c, request)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	nodes := make([]brokers.NodeView, 0, len(response.Brokers))
	for _, b := range response.Brokers {
		n := brokers.NodeView{Node: b.NodeID, Alive: !b.IsFenced}
		if b.Rack != nil {
			n.Rack = *b.Rack
		}
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b brokers.NodeView) int { return cmp.Compare(a.Node, b.Node) })
	return nodes, nil
}

// Partitions asks for metadata and reassignments, and then every broker for sizes.
func (c *Cluster) Partitions(ctx context.Context) ([]brokers.Partition, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	metadata, err := c.metadata(ctx)
	if err != nil {
		return nil, c.wrap("listing the partitions", err)
	}
	moving, err := c.reassignments(ctx)
	if err != nil {
		return nil, c.wrap("listing the partitions", err)
	}
	sizes, err := c.sizes(ctx, metadata, func(string) bool { return true })
	if err != nil {
		return nil, c.wrap("asking how large the partitions are", err)
	}
	partitions := partitionsOf(metadata, moving)
	for i := range partitions {
		p := &partitions[i]
		p.Sizes = make([]int64, len(p.Replicas))
		for r, node := range p.Replicas {
			size, ok := sizes[replica{p.Topic, p.Number, node}]
			if !ok {
				size = -1
			}
			p.Sizes[r] = size
		}
	}
	return partitions, nil
}

// partitions returns all of them, sorted, without sizes.
func (c *Cluster) partitions(ctx context.Context) ([]brokers.Partition, error) {
	metadata, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	moving, err := c.reassignments(ctx)
	if err != nil {
		return nil, err
	}
	return partitionsOf(metadata, moving), nil
}

func partitionsOf(metadata *kmsg.MetadataResponse, moving reassignments) []brokers.Partition {
	var partitions []brokers.Partition
	for _, t := range metadata.Topics {
		if t.Topic == nil || brokers.IsProbe(*t.Topic) {
			continue
		}
		for _, p := range t.Partitions {
			move := moving[partitionID{*t.Topic, p.Partition}]
			partitions = append(partitions, brokers.Partition{
				Topic: *t.Topic, Number: p.Partition, Leader: p.Leader, Replicas: p.Replicas, InSync: p.ISR, Adding: move.adding, Removing: move.removing,
			})
		}
	}
	slices.SortFunc(partitions, func(a, b brokers.Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Number, b.Number))
	})
	return partitions
}

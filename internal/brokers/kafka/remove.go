package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// maxRemovals bounds the topics, and the groups, and the transactions of one call.
const maxRemovals = 200

// RemoveTenant ends the tenant's open transactions and deletes its topics and its groups of every kind (classic,
// KIP-848, share). A group that has members cannot be deleted by Kafka: it stays in what is left until they are
// gone, at the latest when their session times out. Kafka has no way to delete a transactional id; it forgets
// one that is unused (transactional.id.expiration.ms, a week).
func (c *Cluster) RemoveTenant(ctx context.Context, prefix string) (left int, err error) {
	if err := brokers.CheckTenantPrefix(prefix); err != nil {
		return 0, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	if err := c.endTransactions(ctx, prefix); err != nil {
		return 0, c.wrap("ending the transactions of "+prefix, err)
	}
	topics, topicErr := c.removeTopics(ctx, prefix)
	groups, groupErr := c.removeGroups(ctx, prefix)
	return topics + groups, errors.Join(
		c.wrap("deleting the topics of "+prefix, topicErr), c.wrap("deleting the groups of "+prefix, groupErr))
}

// endTransactions takes over the ids of transactions that are open, which aborts them: they would keep consumers
// of their topics waiting, and their groups from being deleted.
func (c *Cluster) endTransactions(ctx context.Context, prefix string) error {
	open, err := c.admin.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		return err
	}
	ended := 0
	for _, transaction := range open.Sorted() {
		if !strings.HasPrefix(transaction.TxnID, prefix) || ended == maxRemovals {
			continue
		}
		ended++
		request := kmsg.NewPtrInitProducerIDRequest()
		request.TransactionalID, request.TransactionTimeoutMillis = &transaction.TxnID, 60_000
		request.ProducerID, request.ProducerEpoch = -1, -1
		response, err := request.RequestWith(ctx, c.client)
		if err == nil {
			err = kerr.ErrorForCode(response.ErrorCode)
		}
		// While the coordinator aborts it, it answers "concurrent transactions": that is what was wanted.
		if err != nil && !errors.Is(err, kerr.ConcurrentTransactions) {
			return fmt.Errorf("transactional id %s: %w", transaction.TxnID, err)
		}
	}
	return nil
}

func (c *Cluster) removeTopics(ctx context.Context, prefix string) (left int, err error) {
	metadata, err := c.metadata(ctx)
	if err != nil {
		return 0, err
	}
	var names []string
	for _, topic := range metadata.Topics {
		if topic.Topic != nil {
			names = append(names, *topic.Topic)
		}
	}
	all := owned(names, prefix)
	if len(all) == 0 {
		return 0, nil
	}
	deleted, err := c.admin.DeleteTopics(ctx, all[:min(len(all), maxRemovals)]...)
	if err != nil {
		return len(all), err
	}
	left = len(all)
	for _, topic := range deleted.Sorted() {
		switch {
		case topic.Err == nil, errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
			left--
		default:
			err = fmt.Errorf("topic %s: %w", topic.Topic, topic.Err)
		}
	}
	return left, err
}

func (c *Cluster) removeGroups(ctx context.Context, prefix string) (left int, err error) {
	listed, err := c.admin.ListGroups(ctx)
	if err != nil {
		return 0, err
	}
	all := owned(listed.Groups(), prefix)
	// Those that can be deleted come first, so that groups with members do not stand in their way.
	var empty []string
	for _, group := range all {
		if state := listed[group].State; state == "" || state == "Empty" || state == "Dead" {
			empty = append(empty, group)
		}
	}
	left = len(all)
	if len(empty) == 0 {
		return left, nil
	}
	deleted, err := c.admin.DeleteGroups(ctx, empty[:min(len(empty), maxRemovals)]...)
	var shards *kadm.ShardErrors
	if err != nil && !errors.As(err, &shards) {
		return left, err
	}
	for _, group := range deleted.Sorted() {
		switch {
		case group.Err == nil, errors.Is(group.Err, kerr.GroupIDNotFound):
			left--
		case errors.Is(group.Err, kerr.NonEmptyGroup):
		default:
			err = errors.Join(err, fmt.Errorf("group %s: %w", group.Group, group.Err))
		}
	}
	return left, err
}

// owned returns the names that begin with prefix, sorted.
func owned(names []string, prefix string) []string {
	var matching []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			matching = append(matching, name)
		}
	}
	slices.Sort(matching)
	return matching
}

package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// commitPatience bounds a commit, and so how long a member keeps the others from sharing anew.
const commitPatience = 10 * time.Second

// startReader reads the whole topic beside the writers, without a group.
func (l *Load) startReader(ctx context.Context) error {
	client, err := l.client(l.fromTheBeginning())
	if err != nil {
		return err
	}
	reader := l.history.Reader("the reader", false)
	l.reading.Go(func() {
		defer client.Close()
		l.consume(ctx, client, reader)
	})
	l.readers = append(l.readers, reader)
	return nil
}

// startMember joins the group. Its members share one Reader.
func (l *Load) startMember(ctx context.Context, reader *Reader) error {
	client, err := l.client(kgo.ConsumeTopics(l.config.Topic), kgo.ConsumerGroup(l.config.Group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	l.reading.Go(func() {
		defer client.Close()
		l.consume(ctx, client, reader)
	})
	return nil
}

func (l *Load) fromTheBeginning() kgo.Opt {
	offsets := map[int32]kgo.Offset{}
	for partition := range l.config.Partitions {
		offsets[partition] = kgo.NewOffset().AtStart()
	}
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.config.Topic: offsets})
}

// consume reads, and commits what it has read where it is a group's, until the context ends.
func (l *Load) consume(ctx context.Context, client *kgo.Client, reader *Reader) {
	for ctx.Err() == nil {
		records := l.poll(ctx, client, reader)
		if reader.group {
			l.commit(ctx, client, reader, records)
			client.AllowRebalance()
		}
	}
}

// poll reads what is there.
func (l *Load) poll(ctx context.Context, client *kgo.Client, reader *Reader) []*kgo.Record {
	fetches := client.PollRecords(ctx, maxUnanswered*int(l.config.Partitions))
	fetches.EachError(func(_ string, partition int32, err error) {
		var lost *kgo.ErrGroupSession
		switch {
		case ctx.Err() != nil:
		case errors.As(err, &lost): // it joins again by itself
			l.sessions.Add(1)
		default:
			l.history.Find("%s: partition %d: %v", reader.name, partition, err)
		}
	})
	records := fetches.Records()
	for _, r := range records {
		reader.Read(r.Partition, r.Offset, r.Key, r.Value)
	}
	return records
}

// commit commits what was read. A commit that fails is no finding: what it was about may be delivered again.
func (l *Load) commit(ctx context.Context, client *kgo.Client, reader *Reader, records []*kgo.Record) {
	if len(records) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	if client.CommitRecords(ctx, records...) != nil {
		l.commits.Add(1)
		return
	}
	for _, r := range records {
		reader.Committed(r.Partition, r.Offset+1)
	}
}

// verify reads the topic from its beginning to its end with a new client, when nobody writes any more.
func (l *Load) verify(ctx context.Context) error {
	client, err := l.client(l.fromTheBeginning())
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, l.config.Topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return fmt.Errorf("where does the topic end: %w", err)
	}
	reader := l.history.Reader("the last reading", false)
	defer reader.End()
	for {
		behind := ""
		ends.Each(func(end kadm.ListedOffset) {
			if at := reader.position(end.Partition); at < end.Offset {
				behind = fmt.Sprintf("offset %d of partition %d, which ends at %d", at, end.Partition, end.Offset)
			}
		})
		if behind == "" {
			return nil
		}
		if l.poll(ctx, client, reader); ctx.Err() != nil {
			return fmt.Errorf("the last reading came to %s: %w", behind, context.Cause(ctx))
		}
	}
}

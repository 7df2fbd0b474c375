package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// consumeFlags say what is read and how it is printed.
type consumeFlags struct {
	fromBeginning bool
	group         string
	maxMessages   int
	timeout       time.Duration
	print         recordFormat
}

func (p *program) kafkaTopicConsumeCommand() *cobra.Command {
	var k kafkaFlags
	var f consumeFlags
	cmd := &cobra.Command{
		Use: "consume TOPIC", Short: "Print the records of a topic",
		Long: `Print the records of a topic as they arrive, until Ctrl-C, --max-messages or
--timeout. Without --group nothing is committed: it reads what is new, or everything
with --from-beginning. With --group it goes on where the group has stopped.

With -o json (or yaml) each record is a JSON document on a line.`,
		Example: `orrery kafka topic consume greetings
orrery kafka topic consume greetings --from-beginning -n 10 --print-offset
orrery kafka topic consume greetings --group reports --timeout 5s
orrery kafka topic consume greetings --from-beginning -n 1 -o json`,
		Args: arguments("TOPIC"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.consume(cmd.Context(), k, f, args[0]) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.fromBeginning, "from-beginning", "b", false, "begin with the oldest record (with --group: where it has no offset yet)")
	flags.StringVar(&f.group, "group", "", "consumer `GROUP` to read as, and to commit for")
	flags.IntVarP(&f.maxMessages, "max-messages", "n", 0, "end after `N` records")
	flags.DurationVar(&f.timeout, "timeout", 0, "end when no record has come for this `DURATION`, such as 5s")
	flags.BoolVar(&f.print.offset, "print-offset", false, "print partition and offset before each record")
	flags.BoolVar(&f.print.key, "print-key", false, "print the key before the value")
	flags.BoolVar(&f.print.timestamp, "print-timestamp", false, "print the timestamp before each record")
	flags.StringVar(&f.print.delimiter, "delimiter", ":", "`TEXT` between key and value")
	setting(flags, "timeout", "consume-timeout")
	k.add(flags)
	return cmd
}

func (f consumeFlags) check() error {
	switch {
	case f.maxMessages < 0:
		return usageError("", "--max-messages is negative")
	case f.timeout < 0:
		return usageError("", "--timeout is negative")
	}
	return nil
}

func (p *program) consume(ctx context.Context, k kafkaFlags, f consumeFlags, topic string) error {
	if err := f.check(); err != nil {
		return err
	}
	a, err := p.access(ctx, k)
	if err != nil {
		return err
	}
	start := kgo.NewOffset().AtEnd()
	if f.fromBeginning {
		start = kgo.NewOffset().AtStart()
	}
	options := []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(start)}
	if f.group != "" {
		options = append(options, kgo.ConsumerGroup(f.group), kgo.AutoCommitMarks())
	}
	client, err := p.dialKafka(ctx, a, topic, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	f.print.json = p.global.output == outputJSON || p.global.output == outputYAML
	count, err := p.consumeRecords(ctx, client, f)
	if f.group != "" {
		committing, cancel := context.WithTimeout(context.WithoutCancel(ctx), kafkaTimeout)
		defer cancel()
		err = errors.Join(err, client.CommitMarkedOffsets(committing))
	}
	if err != nil {
		return explainKafka(err, a)
	}
	if f.maxMessages > 0 && count < f.maxMessages && ctx.Err() == nil {
		return failed("", "only %d of %s came before the topic was silent for %s", count, plural(f.maxMessages, "record"), f.timeout)
	}
	p.note("%s read", plural(count, "record"))
	return nil
}

// consumeRecords prints records until ctx ends, enough were read, or none came for too long, and returns how
// many were printed. Only those are marked for a commit.
func (p *program) consumeRecords(ctx context.Context, client *kgo.Client, f consumeFlags) (int, error) {
	out := bufio.NewWriter(p.stdout)
	count := 0
	for f.maxMessages == 0 || count < f.maxMessages {
		polling, cancel := ctx, context.CancelFunc(func() {})
		if f.timeout > 0 {
			polling, cancel = context.WithTimeout(ctx, f.timeout)
		}
		limit := -1
		if f.maxMessages > 0 {
			limit = f.maxMessages - count
		}
		fetches := client.PollRecords(polling, limit)
		silent := polling.Err() != nil
		cancel()
		records := fetches.Records()
		for _, record := range records {
			if err := f.print.write(out, record); err != nil {
				return count, err
			}
			count++
		}
		if err := out.Flush(); err != nil {
			return count, fmt.Errorf("writing records: %w", err)
		}
		client.MarkCommitRecords(records...)
		if err := fetchError(fetches); err != nil {
			return count, err
		}
		if silent && len(records) == 0 {
			return count, nil
		}
	}
	return count, nil
}

// fetchError returns the first error of a poll that is not the end of its context.
func fetchError(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.Canceled) && !errors.Is(e.Err, context.DeadlineExceeded) {
			return e.Err
		}
	}
	return nil
}

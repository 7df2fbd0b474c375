package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// produceFlags say how lines become records.
type produceFlags struct {
	parseKey  bool
	delimiter string
}

// maxProduceLine bounds a line, in bytes; the service takes records of up to 8 MiB.
const maxProduceLine = 8 << 20

func (p *program) kafkaTopicProduceCommand() *cobra.Command {
	var k kafkaFlags
	var f produceFlags
	cmd := &cobra.Command{
		Use: "produce TOPIC", Short: "Write each line of standard input as a record",
		Long: `Write each line of standard input as a record, until the end of the input (Ctrl-D)
or Ctrl-C. The command succeeds once every record is acknowledged by the cluster.`,
		Example: `echo hello | orrery kafka topic produce greetings
orrery kafka topic produce greetings < lines.txt
echo 'user-7:signed up' | orrery kafka topic produce events --parse-key`,
		Args: arguments("TOPIC"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.produce(cmd.Context(), k, f, args[0]) },
	}
	cmd.Flags().BoolVar(&f.parseKey, "parse-key", false, "a line is KEY:VALUE")
	cmd.Flags().StringVar(&f.delimiter, "delimiter", ":", "`TEXT` between key and value")
	k.add(cmd.Flags())
	return cmd
}

func (p *program) produce(ctx context.Context, k kafkaFlags, f produceFlags, topic string) error {
	if f.parseKey && f.delimiter == "" {
		return usageError("", "--delimiter is empty")
	}
	a, err := p.access(ctx, k)
	if err != nil {
		return err
	}
	client, err := p.dialKafka(ctx, a, topic,
		kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(maxProduceLine), kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer client.Close()
	if p.askable {
		p.note("Writing to %s: one record for each line; Ctrl-D ends.", topic)
	}
	acknowledged, err := p.produceLines(ctx, client, f)
	if err != nil {
		p.note("%s acknowledged before the error", plural(acknowledged, "record"))
		return explainKafka(err, a)
	}
	p.note("%s acknowledged", plural(acknowledged, "record"))
	return nil
}

// produceLines writes until the input or ctx ends, and returns how many records were acknowledged and the first
// error. The client's own buffer (10,000 records) bounds what is under way.
func (p *program) produceLines(ctx context.Context, client *kgo.Client, f produceFlags) (int, error) {
	var (
		mutex        sync.Mutex
		acknowledged int
		failure      error
	)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	done := func(_ *kgo.Record, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		switch {
		case err == nil:
			acknowledged++
		case failure == nil:
			failure = err
			stop()
		}
	}
	readErr := eachLine(reading, p.stdin, func(number int, line []byte) error {
		record, err := f.record(number, line)
		if err == nil {
			client.Produce(context.WithoutCancel(ctx), record, done)
		}
		return err
	})
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), kafkaTimeout)
	defer cancel()
	flushErr := client.Flush(flushing)
	mutex.Lock()
	defer mutex.Unlock()
	if failure == nil && flushErr != nil {
		failure = flushErr
	}
	if failure == nil {
		failure = readErr
	}
	return acknowledged, failure
}

// record makes a record of a line without its line end.
func (f produceFlags) record(number int, line []byte) (*kgo.Record, error) {
	if !f.parseKey {
		return &kgo.Record{Value: line}, nil
	}
	key, value, ok := bytes.Cut(line, []byte(f.delimiter))
	if !ok {
		return nil, failed("a line is KEY"+f.delimiter+"VALUE with --parse-key", "line %d has no %q", number, f.delimiter)
	}
	return &kgo.Record{Key: key, Value: value}, nil
}

// eachLine calls use with every line of r until its end, or until ctx ends, even while a read blocks: the reader
// is then left behind, which ends with the process.
func eachLine(ctx context.Context, r io.Reader, use func(number int, line []byte) error) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(make([]byte, 64<<10), maxProduceLine)
		for scanner.Scan() {
			select {
			case lines <- bytes.Clone(scanner.Bytes()):
			case <-ctx.Done():
				return
			}
		}
		ended <- scanner.Err()
	}()
	for number := 1; ; number++ {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			if errors.Is(err, bufio.ErrTooLong) {
				return failed("", "line %d is longer than %d bytes", number, maxProduceLine)
			}
			return err
		case line := <-lines:
			if err := use(number, line); err != nil {
				return err
			}
		}
	}
}

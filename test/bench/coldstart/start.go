// Package coldstart measures how long a cluster of three brokers of Apache Kafka takes from nothing to its first acknowledged
// record: one that is created through the API of the whole platform, against three JVMs that are started by hand.
package coldstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/test/bench/measured"
	"github.com/orrery-kafka/orrery/test/fault/platform"
)

// Heading is that of the section.
const Heading = "Start of a cluster of Apache Kafka"

// Options say how to measure.
type Options struct {
	// Binary is the program.
	Binary string
	// Runs is how often each contestant starts, in turn with the other.
	Runs int
	// Progress gets a line for each run.
	Progress io.Writer
}

const (
	topic    = "first"
	replicas = 3
	retry    = 20 * time.Millisecond
)

// Measure starts clusters, and returns the section.
func Measure(ctx context.Context, o Options) (section string, err error) {
	if o.Runs < 1 {
		return "", errors.New("the start of a cluster needs at least one run")
	}
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "orrery-start")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	p, err := platform.Open(ctx, binary, dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	var raw []time.Duration
	var created []timeline
	for run := range o.Runs {
		took, err := startRaw(ctx)
		if err != nil {
			return "", fmt.Errorf("three JVMs: %w", err)
		}
		line, err := create(ctx, p, fmt.Sprintf("start-%d", run))
		if err != nil {
			return "", fmt.Errorf("through the API: %w", err)
		}
		raw, created = append(raw, took), append(created, line)
		fmt.Fprintf(o.Progress, "start: run %d of %d: three JVMs %.1f s, through the API %.1f s\n", run+1, o.Runs, took.Seconds(), line.total().Seconds())
	}
	return report(raw, created), nil
}

// timeline is when the steps of a creation were over, in their order.
type timeline []step

type step struct {
	name string
	at   time.Duration // since the call
}

func (t timeline) total() time.Duration { return t[len(t)-1].at }

// create creates a cluster through the API, writes a record and deletes the cluster.
func create(ctx context.Context, p *platform.Platform, name string) (line timeline, err error) {
	began := time.Now()
	over := func(name string) { line = append(line, step{name, time.Since(began)}) }
	waits := phases{}
	c, err := p.Create(ctx, name, func(reason string) { waits.see(reason, time.Since(began)) })
	if err != nil {
		return nil, err
	}
	for _, name := range phaseNames {
		if at, ok := waits[name]; ok {
			line = append(line, step{name, at})
		}
	}
	over("the cluster is PROVISIONED, and an API key is in force")
	options, err := c.ClientOptions()
	if err != nil {
		return nil, err
	}
	if err := firstRecord(ctx, options, over); err != nil {
		return nil, err
	}
	return line, c.Delete(ctx)
}

// The phases of a creation, by the end of what the cluster waits for.
const (
	brokersRun    = "its brokers run"
	gatewaysServe = "its gateways serve"
)

var phaseNames = []string{brokersRun, gatewaysServe}

// phases are when a cluster last waited for something.
type phases map[string]time.Duration

// see takes what the cluster waits for from now on: so what it does not wait for any more is over.
func (p phases) see(reason string, at time.Duration) {
	switch {
	case strings.Contains(reason, "broker"), strings.Contains(reason, "placement"), strings.Contains(reason, "answered"):
	case strings.Contains(reason, "gateway"):
		if _, known := p[brokersRun]; !known {
			p[brokersRun] = at
		}
	default:
		p[gatewaysServe] = at
	}
}

// firstRecord creates a topic and writes a record to it.
func firstRecord(ctx context.Context, options []kgo.Opt, over func(string)) error {
	client, err := kgo.NewClient(append(options, kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.MetadataMinAge(retry), kgo.RetryBackoffFn(func(int) time.Duration { return retry }))...)
	if err != nil {
		return err
	}
	defer client.Close()
	minimum := "2"
	for {
		created, err := kadm.NewClient(client).CreateTopic(ctx, 1, replicas, map[string]*string{"min.insync.replicas": &minimum}, topic)
		if err == nil && created.Err == nil {
			break
		}
		if err == nil && !errors.Is(created.Err, kerr.InvalidReplicationFactor) { // not all brokers are there yet
			return created.Err
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
	over("a topic of three replicas is there")
	if err := client.ProduceSync(ctx, kgo.StringRecord("first")).FirstErr(); err != nil {
		return err
	}
	over("a record is acknowledged")
	return nil
}

func report(raw []time.Duration, created []timeline) string {
	var totals []time.Duration
	for _, line := range created {
		totals = append(totals, line.total())
	}
	byTotal := slices.Clone(created)
	slices.SortFunc(byTotal, func(a, b timeline) int { return int(a.total() - b.total()) })
	var rows [][]string
	before := time.Duration(0)
	for _, s := range byTotal[len(byTotal)/2] {
		rows = append(rows, []string{s.name, seconds(s.at), seconds(s.at - before)})
		before = s.at
	}
	of := func(name string, all []time.Duration) []string {
		var runs []string
		for _, d := range all {
			runs = append(runs, seconds(d))
		}
		return []string{name, seconds(median(all)), strings.Join(runs, ", ")}
	}
	return fmt.Sprintf("\nFrom nothing to the first acknowledged record (acks=all) of a topic of three replicas, cold, in %d alternated runs.\n", len(raw)) +
		"The raw JVMs are formatted and started at once, by hand, with the class archive and without TLS, authorization and gateways;\n" +
		"the cluster is created through the API of a running platform, Dedicated, one CKU.\n\n" +
		measured.Table([]string{"what", "median, s", "runs, s"}, [][]string{of("three raw JVMs", raw), of("`POST /cmk/v2/clusters`", totals)}) +
		fmt.Sprintf("\nThe ratio of the medians is %.2f; at most 1.2 is wanted. Where the time of the middle run went:\n\n", median(totals).Seconds()/median(raw).Seconds()) +
		measured.Table([]string{"until", "after, s", "took, s"}, rows)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

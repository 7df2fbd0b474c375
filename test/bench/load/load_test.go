package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

const partitions = 3

// Every kind of load runs as the benchmark runs it, and what it says it did is what the broker has.
func TestLoads(t *testing.T) {
	user := gatewaytest.Users()[0]
	kafka := kafkatest.StartEmbedded(t, kafkatest.Options{Users: []kafkatest.User{user}})
	admin := kafka.Admin(t)
	if _, err := admin.CreateTopic(t.Context(), partitions, 1, nil, "lkc-load"); err != nil {
		t.Fatal(err)
	}
	there := int64(0)
	path := job.Path{Address: kafka.Brokers[0].LoginAddress, User: user.Name, Password: user.Password}
	for _, j := range []job.Job{
		{Kind: job.Produce, Clients: 2, Records: 501},
		{Kind: job.Fetch},
		{Kind: job.SmallProduce, Clients: 5, Duration: time.Second},
		{Kind: job.SmallFetch, Clients: 5, Duration: time.Second},
		{Kind: job.Latency, Duration: 2 * time.Second, Rate: 1000},
	} {
		j.Path, j.Topic, j.Partitions = path, "lkc-load", partitions
		if j.Kind == job.Fetch {
			j.Records = there
		}
		ready, result := converse(t, j)
		if j.Kind != job.Fetch && j.Kind != job.SmallFetch {
			there += ready.Prepared + result.Records
		}
		ends, err := admin.ListEndOffsets(t.Context(), "lkc-load")
		if err != nil {
			t.Fatal(err)
		}
		have := int64(0)
		for partition := range int32(partitions) {
			o, _ := ends.Lookup("lkc-load", partition)
			have += o.Offset
		}
		if have != there {
			t.Errorf("%s: the broker has %d records, %d were acknowledged", j.Kind, have, there)
		}
		if result.Records == 0 || result.Took <= 0 || result.TLS != "none" || result.Server != path.Address {
			t.Errorf("%s: %+v", j.Kind, result)
		}
		if j.Kind == job.Latency && (result.P50 <= 0 || result.P99 < result.P50) {
			t.Errorf("p50 %v, p99 %v", result.P50, result.P99)
		}
	}
}

// Loads that write and read for a while count what is on the wire, at least the values that the broker has.
func TestWindows(t *testing.T) {
	user := gatewaytest.Users()[0]
	kafka := kafkatest.StartEmbedded(t, kafkatest.Options{Users: []kafkatest.User{user}})
	admin := kafka.Admin(t)
	path := job.Path{Address: kafka.Brokers[0].LoginAddress, User: user.Name, Password: user.Password}
	for _, batch := range []int{4096, 1_000_000} {
		topic := fmt.Sprint("lkc-", batch)
		if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		j := job.Job{Kind: job.Write, Path: path, Topic: topic, Partitions: 1, Batch: batch, Duration: 300 * time.Millisecond}
		_, wrote := converse(t, j)
		ends, err := admin.ListEndOffsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		o, _ := ends.Lookup(topic, 0)
		// What was answered after the end of the window is there, too.
		if most := o.Offset * int64(valueOf(batch)+200); wrote.Bytes > most || wrote.Requests == 0 || wrote.Took < j.Duration {
			t.Errorf("writing batches of %d: %+v, and the broker has %d records", batch, wrote, o.Offset)
		}
		j.Kind, j.Records, j.Duration = job.Read, o.Offset, 100*time.Millisecond
		for read := (job.Result{}); read.Bytes < min(o.Offset*int64(valueOf(batch)), 2*int64(batch)); j.Duration *= 2 {
			if _, read = converse(t, j); read.Took < j.Duration {
				t.Errorf("reading batches of %d: %+v of %d records", batch, read, o.Offset)
			}
			if j.Duration > 20*time.Second {
				t.Fatalf("reading batches of %d: %+v of %d records", batch, read, o.Offset)
			}
		}
	}
}

// A storm goes on until it is told to stop, at its rate where it has one.
func TestStorms(t *testing.T) {
	user := gatewaytest.Users()[0]
	kafka := kafkatest.StartEmbedded(t, kafkatest.Options{Users: []kafkatest.User{user}})
	path := job.Path{Address: kafka.Brokers[0].LoginAddress, User: user.Name, Password: user.Password}
	for _, kind := range []job.Kind{job.Metadata, job.CreateTopics, job.ProducerIDs, job.Connect} {
		for _, rate := range []float64{0, 50} {
			_, result := converse(t, job.Job{Kind: kind, Path: path, Topic: "lkc-storm-", Clients: 3, Rate: rate})
			// One that is late catches up, so that the rate is what it should be at most, but for one of each connection.
			if n := float64(result.Requests); n < 3 || rate > 0 && n > rate*result.Took.Seconds()+3 || result.Refused > 0 {
				t.Errorf("%s at %v a second: %+v", kind, rate, result)
			}
		}
	}
	topics, err := kafka.Admin(t).ListTopics(t.Context())
	if err != nil || len(topics) < 12 {
		t.Errorf("%d topics, %v", len(topics), err)
	}
}

// A load that cannot do its job says so, and has no result.
func TestLoadsThatFail(t *testing.T) {
	user := gatewaytest.Users()[0]
	kafka := kafkatest.StartEmbedded(t, kafkatest.Options{Users: []kafkatest.User{user}})
	if _, err := kafka.Admin(t).CreateTopic(t.Context(), partitions, 1, nil, "lkc-load"); err != nil {
		t.Fatal(err)
	}
	path := job.Path{Address: kafka.Brokers[0].LoginAddress, User: user.Name, Password: user.Password}
	wrong := path
	wrong.Password = "wrong"
	for name, j := range map[string]job.Job{
		"a wrong password":       {Kind: job.SmallProduce, Path: wrong, Topic: "lkc-load", Partitions: partitions, Clients: 2, Duration: time.Second},
		"no such topic":          {Kind: job.SmallProduce, Path: path, Topic: "lkc-other", Partitions: partitions, Clients: 2, Duration: time.Second},
		"nothing to fetch there": {Kind: job.SmallFetch, Path: path, Topic: "lkc-load", Partitions: partitions, Clients: 2, Duration: time.Second},
		"other partitions":       {Kind: job.Fetch, Path: path, Topic: "lkc-load", Partitions: partitions + 1, Records: 1},
		"no such kind":           {Kind: "other", Path: path},
	} {
		near, far := conversation()
		ended := make(chan error, 1)
		go func() {
			ended <- run(far.Channel)
			far.close()
		}()
		if err := near.Send(j); err != nil {
			t.Fatal(err)
		}
		var ready job.Ready
		if err := near.Receive(&ready); err == nil {
			t.Errorf("%s: it was ready: %+v", name, ready)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s was no error", name)
		} else if strings.Contains(err.Error(), "took longer") {
			t.Errorf("%s took until the end of patience: %v", name, err)
		}
		near.close()
	}
}

// converse runs a load as a parent does.
func converse(t *testing.T, j job.Job) (ready job.Ready, result job.Result) {
	t.Helper()
	near, far := conversation()
	ended := make(chan error, 1)
	go func() {
		ended <- run(far.Channel)
		far.close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, near.close)()
	steps := []func() error{
		func() error { return near.Send(j) },
		func() error { return near.Receive(&ready) },
		func() error { return near.Send(job.Go{}) },
		func() error {
			if j.Duration > 0 || j.Records > 0 {
				return nil
			}
			<-time.After(300 * time.Millisecond)
			return near.Send(job.Stop{})
		},
		func() error { return near.Receive(&result) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("%s: %v", j.Kind, err)
		}
	}
	near.close()
	if err := <-ended; err != nil {
		t.Fatalf("%s: %v", j.Kind, err)
	}
	return ready, result
}

type end struct {
	*job.Channel
	r *io.PipeReader
	w *io.PipeWriter
}

func (e *end) close() {
	e.w.Close()
	e.r.Close()
}

func conversation() (near, far *end) {
	there, toThere := io.Pipe()
	here, toHere := io.Pipe()
	return &end{job.NewChannel(here, toThere), here, toThere}, &end{job.NewChannel(there, toHere), there, toHere}
}

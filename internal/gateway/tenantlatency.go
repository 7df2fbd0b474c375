package gateway

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// durationBuckets are the upper bounds of histograms of requests, in seconds: 0.5 ms to 8 s.
var durationBuckets = prometheus.ExponentialBuckets(0.0005, 4, 8)

// latencyClass is what a tenant's requests are told apart by in its histograms: one for each API would be too many.
type latencyClass int

const (
	latencyProduce latencyClass = iota
	latencyFetch
	latencyOther
	latencyClasses
)

// String returns the class as metrics have it.
func (c latencyClass) String() string { return [latencyClasses]string{"produce", "fetch", "other"}[c] }

func latencyClassOf(key int16) latencyClass {
	switch {
	case key == kmsg.Produce.Int16():
		return latencyProduce
	case fetches(key):
		return latencyFetch
	}
	return latencyOther
}

// latency is how long requests of a class took. The zero value is ready.
type latency struct {
	buckets [9]atomic.Int64 // durationBuckets, and what took longer
	sum     atomic.Int64    // nanoseconds
}

func (l *latency) add(took time.Duration) {
	i, seconds := 0, took.Seconds()
	for i < len(durationBuckets) && seconds > durationBuckets[i] {
		i++
	}
	l.buckets[i].Add(1)
	l.sum.Add(int64(took))
}

// latencyCounts is a latency at one moment, or several together.
type latencyCounts struct {
	buckets [9]int64
	sum     time.Duration
}

func (l *latency) counts() (c latencyCounts) {
	for i := range l.buckets {
		c.buckets[i] = l.buckets[i].Load()
	}
	c.sum = time.Duration(l.sum.Load())
	return c
}

func (c *latencyCounts) add(more latencyCounts) {
	for i := range more.buckets {
		c.buckets[i] += more.buckets[i]
	}
	c.sum += more.sum
}

// metric returns the histogram, nil where there was no request.
func (c latencyCounts) metric(d *prometheus.Desc, labels ...string) prometheus.Metric {
	below, total := make(map[float64]uint64, len(durationBuckets)), uint64(0)
	for i, n := range c.buckets {
		total += uint64(n)
		if i < len(durationBuckets) {
			below[durationBuckets[i]] = total
		}
	}
	if total == 0 {
		return nil
	}
	return prometheus.MustNewConstHistogram(d, total, c.sum.Seconds(), below, labels...)
}

package usage

import (
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Topic is one of a tenant's topics as brokers know it.
type Topic struct {
	ID         string // never given again
	Partitions int64
	// End is the sum of the offsets after the last records; -1 where that is not known at the moment.
	End int64
	// Bytes is what its records take, of each partition the largest replica.
	Bytes int64
}

// Stored is the value of stored/lkc-…: what a satellite knows of a tenant's topics, and how far it has looked.
type Stored struct {
	Version int `json:"version"`
	orrery.StoredUsage
	// Ends are those of the topics at the last look, by id.
	Ends map[string]int64 `json:"ends"`
}

// Look returns what is known after one more look: counted is what gateways have told of produced records, read before the
// topics were looked at. At the first look that is taken for what was appended before, because the logs may be older than
// the counters; so the first one must be complete.
func (s Stored) Look(now time.Time, counted int64, topics []Topic) Stored {
	next := Stored{Version: Version, StoredUsage: s.StoredUsage, Ends: make(map[string]int64, len(topics))}
	first := s.Since.IsZero()
	if first && slices.ContainsFunc(topics, func(t Topic) bool { return t.End < 0 }) {
		return s
	}
	if first {
		next.Since, next.AppendedRecords = now, counted
	} else if passed := now.Sub(s.At); passed > 0 {
		next.PartitionSeconds += int64(float64(s.Partitions) * passed.Seconds())
		next.ByteSeconds += int64(float64(s.Bytes) * passed.Seconds())
	}
	next.At, next.Partitions, next.Bytes = now, 0, 0
	for _, t := range topics {
		next.Partitions += t.Partitions
		next.Bytes += t.Bytes
		if !first {
			next.AppendedRecords += max(0, t.End-s.Ends[t.ID])
		}
		next.Ends[t.ID] = max(t.End, s.Ends[t.ID])
	}
	next.UncountedRecords = max(0, next.AppendedRecords-counted)
	return next
}

// lookEvery is how often a look is kept of a tenant of which nothing has changed.
const lookEvery = time.Hour

// News reports whether a look says something that the one before did not, so that it is to be kept.
func (s Stored) News(before Stored) bool {
	return !s.Since.IsZero() && (before.Since.IsZero() || s.AppendedRecords != before.AppendedRecords || s.Partitions != before.Partitions || s.Bytes != before.Bytes ||
		len(s.Ends) != len(before.Ends) || s.UncountedRecords != before.UncountedRecords || s.At.Sub(before.At) >= lookEvery)
}

package load

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxFindings bounds what is kept of each kind of what is wrong: the first ones tell most.
const maxFindings = 5

// History is what producers were told and readers saw, and what is wrong with it. It may be used by many goroutines at
// once, and its memory does not grow with the number of records.
type History struct {
	run   uint64
	began time.Time

	mu           sync.Mutex // guards what follows
	acknowledged map[Stream]intervals
	readers      []*Reader
	findings     []string
	found        map[string]int // by kind, which is the format of its text
	gaps         gaps
}

// NewHistory begins a history. run is what its records carry, so that those of others are told apart.
func NewHistory(run uint64, partitions int32, now time.Time) *History {
	return &History{run: run, began: now, acknowledged: map[Stream]intervals{}, found: map[string]int{}, gaps: newGaps(partitions, now)}
}

// Acknowledged says that a record was acknowledged: from here on it has to be there.
func (h *History) Acknowledged(s Stream, sequence int64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	set := h.acknowledged[s]
	if !set.add(sequence) {
		h.find("%v: record %d was acknowledged twice", s, sequence)
	}
	h.acknowledged[s] = set
	h.gaps.acknowledged(s.Partition, now)
}

// Find notes something wrong.
func (h *History) Find(format string, arguments ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.find(format, arguments...)
}

func (h *History) find(format string, arguments ...any) {
	if h.found[format]++; h.found[format] <= maxFindings {
		h.findings = append(h.findings, fmt.Sprintf("%8.3f s: ", time.Since(h.began).Seconds())+fmt.Sprintf(format, arguments...))
	}
}

// Err is everything wrong that was found, nil for nothing.
func (h *History) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.findings) == 0 {
		return nil
	}
	text := slices.Clone(h.findings)
	for _, kind := range slices.Sorted(maps.Keys(h.found)) {
		if more := h.found[kind] - maxFindings; more > 0 {
			text = append(text, fmt.Sprintf("and %d more like %q", more, kind))
		}
	}
	return errors.New(strings.Join(text, "\n"))
}

// Total is how many records were acknowledged.
func (h *History) Total() (n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, set := range h.acknowledged {
		n += set.len()
	}
	return n
}

// snapshot is what was acknowledged so far.
func (h *History) snapshot() map[Stream]intervals {
	h.mu.Lock()
	defer h.mu.Unlock()
	acknowledged := make(map[Stream]intervals, len(h.acknowledged))
	for s, set := range h.acknowledged {
		acknowledged[s] = slices.Clone(set)
	}
	return acknowledged
}

// last is the greatest acknowledged number of a stream.
func (h *History) last(s Stream) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.acknowledged[s].last()
}

// Reader is one reading of the topic, from its beginning: by a client of its own, or by all members of a group.
type Reader struct {
	history *History
	name    string
	group   bool

	// The history's mu guards what follows.
	read       map[Stream]intervals
	next       map[int32]int64 // by partition: the offset after the highest that was read
	committed  map[int32]int64
	deliveries int64 // a group's, of what it had read before and not committed
}

// Reader begins a reading. One without a group may see each offset once; a group may see again what it did not commit.
func (h *History) Reader(name string, group bool) *Reader {
	r := &Reader{history: h, name: name, group: group, read: map[Stream]intervals{}, next: map[int32]int64{}, committed: map[int32]int64{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readers = append(h.readers, r)
	return r
}

// Read says that the reading came to a record.
func (r *Reader) Read(partition int32, offset int64, key, value []byte) {
	h := r.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if next := r.next[partition]; offset < next {
		switch {
		case !r.group:
			h.find("%s: partition %d goes back from offset %d to %d", r.name, partition, next, offset)
		case offset < r.committed[partition]:
			h.find("%s: partition %d delivers offset %d again, and %d was committed", r.name, partition, offset, r.committed[partition])
			return
		default:
			r.deliveries++
			return
		}
	}
	r.next[partition] = max(r.next[partition], offset+1)
	s, sequence, err := decode(h.run, key, value)
	switch {
	case err != nil:
		h.find("%s: offset %d of partition %d: %v", r.name, offset, partition, err)
		return
	case s.Partition != partition:
		h.find("%s: record %d of %v is at offset %d of partition %d", r.name, sequence, s, offset, partition)
		return
	}
	set := r.read[s]
	before := set.last()
	switch {
	case !set.add(sequence):
		h.find("%s: %v: record %d is there twice, the second time at offset %d", r.name, s, sequence, offset)
	case sequence < before:
		h.find("%s: %v: record %d comes after record %d, at offset %d", r.name, s, sequence, before, offset)
	}
	r.read[s] = set
}

// Committed says that a group's commit was acknowledged: what is before the offset is not delivered again.
func (r *Reader) Committed(partition int32, offset int64) {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	r.committed[partition] = max(r.committed[partition], offset)
}

// Missing is what was acknowledged and not read so far, "" for nothing.
func (r *Reader) Missing() string { return r.missing(r.history.snapshot()) }

func (r *Reader) missing(acknowledged map[Stream]intervals) string {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	var text []string
	for _, s := range slices.SortedFunc(maps.Keys(acknowledged), compareStreams) {
		if missing := acknowledged[s].without(r.read[s]); len(missing) > 0 {
			text = append(text, fmt.Sprintf("%v: %d records, the first from %d to %d", s, missing.len(), missing[0].first, missing[0].last))
		}
	}
	return strings.Join(text, "; ")
}

// Deliveries is how many records a group got again because it had not committed them.
func (r *Reader) Deliveries() int64 {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	return r.deliveries
}

// End says that the reading is over: what it did not come to, and was acknowledged, is lost.
func (r *Reader) End() {
	if missing := r.Missing(); missing != "" {
		r.history.Find("%s: lost: %s", r.name, missing)
	}
}

// position is the offset after the highest that was read in a partition.
func (r *Reader) position(partition int32) int64 {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	return r.next[partition]
}

func compareStreams(a, b Stream) int {
	if a.Partition != b.Partition {
		return int(a.Partition - b.Partition)
	}
	return int(a.Producer - b.Producer)
}

package load

import "time"

// Gaps are the longest times without an acknowledgement.
type Gaps struct {
	// Overall is without one of any partition; Partition is the longest of one partition, which is Worst.
	Overall, Partition time.Duration
	Worst              int32
}

// gaps measures Gaps since the last mark.
type gaps struct {
	last    []time.Time // by partition: the last acknowledgement, or the mark
	any     time.Time   // the same of all
	longest Gaps
}

func newGaps(partitions int32, now time.Time) gaps {
	g := gaps{last: make([]time.Time, partitions)}
	g.mark(now)
	return g
}

func (g *gaps) mark(now time.Time) {
	for p := range g.last {
		g.last[p] = now
	}
	g.any, g.longest = now, Gaps{}
}

func (g *gaps) acknowledged(partition int32, now time.Time) {
	g.longest = g.until(partition, now)
	g.last[partition], g.any = now, now
}

// until is the longest gaps, with the one of a partition that would end now.
func (g *gaps) until(partition int32, now time.Time) Gaps {
	longest := g.longest
	longest.Overall = max(longest.Overall, now.Sub(g.any))
	if gap := now.Sub(g.last[partition]); gap > longest.Partition {
		longest.Partition, longest.Worst = gap, partition
	}
	return longest
}

// Mark begins a new measurement of Gaps.
func (h *History) Mark(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gaps.mark(now)
}

// Gaps are those since the last Mark. One that goes on counts.
func (h *History) Gaps(now time.Time) Gaps {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.gaps.last {
		h.gaps.longest = h.gaps.until(int32(p), now)
	}
	return h.gaps.longest
}

package load

import (
	"strings"
	"testing"
	"time"
)

const testRun = 7

var epoch = time.Unix(1_700_000_000, 0)

// told is a record that a reader came to.
type told struct {
	offset   int64
	sequence int64
}

func newTestHistory() *History { return NewHistory(testRun, 2, epoch) }

func (r *Reader) tell(s Stream, records ...told) {
	for _, x := range records {
		key, value := encode(r.history.run, s, x.sequence)
		r.Read(s.Partition, x.offset, key, value)
	}
}

func acknowledge(h *History, s Stream, sequences ...int64) {
	for _, sequence := range sequences {
		h.Acknowledged(s, sequence, epoch)
	}
}

// TestWrongHistories feeds histories in which exactly one thing is wrong.
func TestWrongHistories(t *testing.T) {
	a, b := Stream{Producer: 1, Partition: 0}, Stream{Producer: 2, Partition: 0}
	for name, test := range map[string]struct {
		want   string // "" for nothing wrong
		group  bool
		happen func(h *History, r *Reader)
	}{
		"all is well": {"", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2)
			r.tell(a, told{0, 1}, told{1, 2}, told{2, 3})
			acknowledge(h, a, 3)
		}},
		"two producers in turn": {"", false, func(h *History, r *Reader) {
			acknowledge(h, b, 1, 2)
			acknowledge(h, a, 1)
			r.tell(b, told{0, 1})
			r.tell(a, told{1, 1})
			r.tell(b, told{2, 2})
		}},
		"not acknowledged, and not there": {"", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 3)
			r.tell(a, told{0, 1}, told{1, 3})
		}},
		"not acknowledged, and there": {"", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 3)
			r.tell(a, told{0, 1}, told{1, 2}, told{5, 3})
		}},
		"lost in the middle": {"lost: producer 1, partition 0: 1 records, the first from 2 to 2", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2, 3)
			r.tell(a, told{0, 1}, told{1, 3})
		}},
		"lost at the end": {"lost: producer 1, partition 0: 2 records, the first from 2 to 3", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2, 3)
			r.tell(a, told{0, 1})
		}},
		"lost, acknowledged after others were read": {"lost: producer 1, partition 0: 1 records, the first from 1 to 1", false, func(h *History, r *Reader) {
			r.tell(a, told{0, 2})
			acknowledge(h, a, 1, 2)
		}},
		"all lost": {"lost: producer 2, partition 0: 1 records, the first from 1 to 1", false, func(h *History, r *Reader) {
			acknowledge(h, b, 1)
		}},
		"out of order": {"record 2 comes after record 3, at offset 2", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2, 3)
			r.tell(a, told{0, 1}, told{1, 3}, told{2, 2})
		}},
		"out of order, not acknowledged": {"record 1 comes after record 2, at offset 1", false, func(h *History, r *Reader) {
			acknowledge(h, a, 2)
			r.tell(a, told{0, 2}, told{1, 1})
		}},
		"there twice": {"record 2 is there twice, the second time at offset 2", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2)
			r.tell(a, told{0, 1}, told{1, 2}, told{2, 2})
		}},
		"not acknowledged, there twice": {"record 1 is there twice, the second time at offset 1", false, func(h *History, r *Reader) {
			r.tell(a, told{0, 1}, told{1, 1})
		}},
		"twice, with others between": {"record 1 is there twice, the second time at offset 9", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2, 3)
			r.tell(a, told{0, 1}, told{1, 2}, told{2, 3}, told{9, 1})
		}},
		"the reader is sent back": {"partition 0 goes back from offset 2 to 1", false, func(h *History, r *Reader) {
			r.tell(a, told{0, 1}, told{1, 2}, told{1, 3})
		}},
		"the group gets again what it did not commit": {"", true, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2, 3)
			r.tell(a, told{0, 1}, told{1, 2})
			r.Committed(0, 1)
			r.tell(a, told{1, 2}, told{2, 3})
		}},
		"the group gets again what it did commit": {"partition 0 delivers offset 1 again, and 2 was committed", true, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2)
			r.tell(a, told{0, 1}, told{1, 2})
			r.Committed(0, 2)
			r.tell(a, told{1, 2})
		}},
		"the group misses one": {"lost: producer 1, partition 0: 1 records, the first from 2 to 2", true, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 2, 3)
			r.tell(a, told{0, 1}, told{2, 3})
		}},
		"in a wrong partition": {"record 1 of producer 1, partition 0 is at offset 0 of partition 1", false, func(h *History, r *Reader) {
			key, value := encode(testRun, a, 1)
			r.Read(1, 0, key, value)
		}},
		"of another run": {"it was written by another run, 8", false, func(h *History, r *Reader) {
			key, value := encode(testRun+1, a, 1)
			r.Read(0, 0, key, value)
		}},
		"damaged": {"its checksum is wrong", false, func(h *History, r *Reader) {
			key, value := encode(testRun, a, 5)
			value[0]++
			r.Read(0, 0, key, value)
		}},
		"no record of ours": {"a key of 0 and a value of 1 bytes", false, func(h *History, r *Reader) {
			r.Read(0, 0, nil, []byte("x"))
		}},
		"acknowledged twice": {"record 1 was acknowledged twice", false, func(h *History, r *Reader) {
			acknowledge(h, a, 1, 1)
			r.tell(a, told{0, 1})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHistory()
			r := h.Reader("the reader", test.group)
			test.happen(h, r)
			r.End()
			err := h.Err()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("it found %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), "\n") > 0):
				t.Errorf("it found %v, want only %q", err, test.want)
			}
		})
	}
}

func TestFindingsAreBounded(t *testing.T) {
	h := newTestHistory()
	for range 100 {
		h.Find("often")
	}
	h.Find("once")
	lines := strings.Split(h.Err().Error(), "\n")
	if len(lines) != maxFindings+2 || !strings.HasSuffix(lines[maxFindings], "once") || lines[maxFindings+1] != `and 95 more like "often"` {
		t.Errorf("%q", lines)
	}
}

// TestMemoryIsBounded has what a run of hours keeps: what came in order is one interval, however long.
func TestMemoryIsBounded(t *testing.T) {
	h := newTestHistory()
	r := h.Reader("the reader", false)
	s := Stream{}
	for sequence := int64(1); sequence <= 10_000; sequence++ {
		acknowledge(h, s, sequence)
		r.tell(s, told{sequence, sequence})
	}
	if len(h.acknowledged[s]) != 1 || len(r.read[s]) != 1 || h.Total() != 10_000 || h.Err() != nil {
		t.Errorf("%d and %d intervals, %d records, %v", len(h.acknowledged[s]), len(r.read[s]), h.Total(), h.Err())
	}
}

func TestGaps(t *testing.T) {
	h := newTestHistory()
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	h.Acknowledged(Stream{0, 0}, 1, at(10))
	h.Acknowledged(Stream{0, 1}, 1, at(30))
	h.Acknowledged(Stream{0, 0}, 2, at(50))
	if have, want := h.Gaps(at(60)), (Gaps{Overall: 20 * time.Millisecond, Partition: 40 * time.Millisecond, Worst: 0}); have != want {
		t.Errorf("%+v, want %+v", have, want)
	}
	if have, want := h.Gaps(at(100)), (Gaps{Overall: 50 * time.Millisecond, Partition: 70 * time.Millisecond, Worst: 1}); have != want {
		t.Errorf("while a gap goes on: %+v, want %+v", have, want)
	}
	h.Mark(at(100))
	if have := h.Gaps(at(100)); have.Overall != 0 || have.Partition != 0 {
		t.Errorf("after a mark: %+v", have)
	}
}

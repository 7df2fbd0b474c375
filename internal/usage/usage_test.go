package usage

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
)

const tenant = "lkc-aaaaaa"

func of(records int64) orrery.Usage {
	return orrery.Usage{ProducedRecords: records, ProducedBytes: 10 * records, Requests: 1}
}

func TestKeys(t *testing.T) {
	for _, k := range []Key{{0, tenant, ""}, {12, tenant, "ABC"}} {
		if got, ok := ParseKey(k.String()); !ok || got != k {
			t.Errorf("%q is read as %+v", k, got)
		}
	}
	for _, other := range []string{"", "gateway/0", "use/0", "usage/0", "usage/x/lkc-a", "usage/-1/lkc-a", "usage/0//A", "usage/0/lkc-a/", "usage/0/lkc-a/A/B", "usage/99999999999/lkc-a"} {
		if k, ok := ParseKey(other); ok {
			t.Errorf("%q is read as %+v", other, k)
		}
	}
}

func TestFoldCountsNothingTwice(t *testing.T) {
	old, older := Key{0, tenant, "old"}, Key{0, tenant, "older"}
	other, mine := Key{1, tenant, "other"}, Key{0, tenant, "mine"}
	s := State{
		older: {Sequence: 100, Usage: of(1), At: time.Unix(1, 0)}, old: {Sequence: 200, Usage: of(10), At: time.Unix(2, 0)},
		mine: {Sequence: 300, Usage: of(100)}, other: {Sequence: 150, Usage: of(1000)},
	}
	folds, tombstones := s.Fold(0, 300)
	if len(folds) != 1 || len(tombstones) != 2 || folds[0].Key != (Key{0, tenant, ""}) || folds[0].Record.Sequence != 299 || folds[0].Record.Usage.ProducedRecords != 11 {
		t.Fatalf("%+v, %+v", folds, tombstones)
	}
	apply := func(w Written) {
		t.Helper()
		var value []byte
		if w.Record != nil {
			value, _ = json.Marshal(w.Record)
		}
		if err := s.Apply(w.Key.String(), value); err != nil {
			t.Fatal(err)
		}
		if got := s.Totals()[tenant].Usage; got.ProducedRecords != 1111 || got.Requests != 4 {
			t.Errorf("after %+v the sum is %+v", w.Key, got)
		}
	}
	for _, w := range append(folds, tombstones...) {
		apply(w)
	}
	if folds, tombstones := s.Fold(0, 300); len(folds)+len(tombstones) > 0 {
		t.Errorf("what is folded is folded again: %+v, %+v", folds, tombstones)
	}
	// One that was taken for dead writes once more: it counts no more, and its record goes with the next fold.
	apply(Written{old, &Record{Sequence: 200, Usage: of(15)}})
	folds, tombstones = s.Fold(0, 300)
	if len(folds) != 0 || len(tombstones) != 1 {
		t.Errorf("%+v, %+v", folds, tombstones)
	}
	if got := s.Sequence(0, 50); got != 300 {
		t.Errorf("the sequence after a clock went back is %d", got)
	}
	if got := s.Sequence(1, 50); got != 50 {
		t.Errorf("the sequence of another node is %d", got)
	}
}

func TestMalformedRecordsChangeNothing(t *testing.T) {
	s := State{{0, tenant, "a"}: {Sequence: 1, Usage: of(1)}}
	if err := s.Apply("usage/0/lkc-aaaaaa/a", []byte("{")); err == nil || s.Totals()[tenant].Usage.ProducedRecords != 1 {
		t.Error("a damaged record is taken")
	}
	if err := s.Apply("gateway/0", []byte("{")); err != nil || len(s) != 1 {
		t.Error("a record of another kind is taken")
	}
}

// TestRandomLives has gateways of two nodes live and die, with writes that are lost, come twice or come late, and folds
// that are cut short anywhere. The sum never falls, never has more than was used, and lacks what was never written only.
func TestRandomLives(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		s, used, clock := State{}, int64(0), int64(1000)
		type life struct {
			key      Key
			sequence int64
			usage    orrery.Usage
			written  int64
		}
		alive, dead := map[int32]*life{}, []*life{}
		before, lost := int64(0), int64(0)
		check := func(what string) {
			got := s.Totals()[tenant].Usage.ProducedRecords
			if got < before || got > used {
				t.Fatalf("seed %d: after %s the sum is %d; it was %d, and %d were used", seed, what, got, before, used)
			}
			before = got
		}
		write := func(w Written) {
			delete(s, w.Key)
			if w.Record != nil {
				s[w.Key] = *w.Record
			}
		}
		for step := range 200 {
			clock += int64(r.IntN(3))
			node := int32(r.IntN(2))
			l := alive[node]
			if l == nil {
				l = &life{key: Key{node, tenant, fmt.Sprint(step)}, sequence: s.Sequence(node, clock)}
				for _, d := range dead {
					if d.key.Node == node {
						l.sequence = max(l.sequence, d.sequence+1)
					}
				}
				alive[node] = l
			}
			switch r.IntN(8) {
			case 0:
				lost += l.usage.ProducedRecords - l.written
				alive[node], dead = nil, append(dead, l)
			case 1, 2:
				folds, tombstones := s.Fold(node, l.sequence)
				all := append(folds, tombstones...)
				for _, w := range all[:r.IntN(len(all)+1)] {
					write(w)
					check("a fold")
				}
			case 3: // a write that was on its way comes late
				if len(dead) > 0 {
					d := dead[r.IntN(len(dead))]
					if old, ok := s[d.key]; ok || d.sequence <= s.folded(d.key) {
						old.Sequence, old.Usage = d.sequence, of(d.written)
						write(Written{d.key, &old})
						check("a late write")
					}
				}
			case 4, 5:
				n := int64(r.IntN(10))
				used, l.usage = used+n, l.usage.Add(of(n))
			default:
				write(Written{l.key, &Record{Sequence: l.sequence, Usage: l.usage}})
				l.written = l.usage.ProducedRecords
				check("a flush")
			}
		}
		for _, l := range alive {
			if l != nil {
				write(Written{l.key, &Record{Sequence: l.sequence, Usage: l.usage}})
			}
		}
		if check("the end"); before != used-lost {
			t.Errorf("seed %d: the sum is %d; %d were used, and %d of them never written", seed, before, used, lost)
		}
	}
}

func TestLooks(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	a, b := Topic{"a", 2, 100, 1000}, Topic{"b", 1, 5, 10}
	if s := (Stored{}).Look(start, 90, []Topic{a, {"c", 1, -1, 0}}); s.News(Stored{}) {
		t.Errorf("a first look at a topic without a leader is %+v", s)
	}
	s := Stored{}.Look(start, 90, []Topic{a})
	if !s.News(Stored{}) || s.AppendedRecords != 90 || s.UncountedRecords != 0 || s.Partitions != 2 || s.Bytes != 1000 {
		t.Errorf("the first look is %+v", s)
	}
	if next := s.Look(start.Add(time.Minute), 90, []Topic{a}); next.News(s) || next.PartitionSeconds != 120 || next.ByteSeconds != 60_000 {
		t.Errorf("a look at what has not changed is %+v", next)
	} else if next = s.Look(start.Add(time.Hour), 90, []Topic{a}); !next.News(s) {
		t.Error("after an hour it is not kept")
	}
	a.End = 130 // 30 more, of which 25 are counted
	s2 := s.Look(start.Add(time.Minute), 115, []Topic{a, b})
	if s2.AppendedRecords != 125 || s2.UncountedRecords != 10 || s2.Partitions != 3 {
		t.Errorf("it is %+v", s2)
	}
	s3 := s2.Look(start.Add(2*time.Minute), 200, []Topic{b}) // a is deleted; more is counted than is there
	if s3.AppendedRecords != 125 || s3.UncountedRecords != 0 || len(s3.Ends) != 1 || s3.PartitionSeconds != 120+180 {
		t.Errorf("it is %+v", s3)
	}
	b.End = -1 // without a leader
	if s4 := s3.Look(start.Add(3*time.Minute), 200, []Topic{b, {"c", 1, -1, 0}}); s4.AppendedRecords != 125 || s4.Ends["b"] != 5 || s4.Ends["c"] != 0 {
		t.Errorf("it is %+v", s4)
	}
	b.End = 3 // what a broker that has just become the leader may say for a moment
	if s4 := s3.Look(start.Add(3*time.Minute), 200, []Topic{b}); s4.AppendedRecords != 125 || s4.Ends["b"] != 5 {
		t.Errorf("it is %+v", s4)
	}
}

package linktest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// Faulty is a link whose deliveries and Sends fail, by a seed, until Calm is called.
type Faulty struct {
	Link
	Calm func()
}

// Seen counts what the faults did, so that a test can tell that there were some.
type Seen struct {
	Repeats   int // a generation that the receiver had
	Late      int // an older one than it had
	Missing   int // the newest of a key that it did not have before the last restart
	Failed    int // Sends
	Restarts  int
	Converged int // runs
}

// Converge runs a mothership that changes, deletes and forgets records, and a satellite that applies a message
// only if its generation is newer than the one it has, and that is stopped and started now and then, with
// nothing kept but its ledger. Once the faults stop and it starts once more, it must have the newest of every
// record. Each seed is another run.
func Converge(t *testing.T, seeds uint64, open func(t *testing.T, seed uint64) Faulty) Seen {
	var seen Seen
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			converge(t, rand.New(rand.NewPCG(seed, 1)), open(t, seed), &seen)
		})
	}
	return seen
}

// ledger is what the satellite has applied.
type ledger map[string]link.Message

// apply takes a message that is newer than what is there.
func (l ledger) apply(m link.Message, seen *Seen) {
	have, ok := l[m.Key()]
	switch {
	case m.Tombstone:
		delete(l, m.Key())
		return
	case ok && m.Generation.Compare(have.Generation) < 0:
		seen.Late++
	case ok && m.Generation == have.Generation:
		seen.Repeats++
	default:
		l[m.Key()] = m
	}
}

func converge(t *testing.T, random *rand.Rand, l Faulty, seen *Seen) {
	const steps = 150
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	want, have, forgotten := ledger{}, ledger{}, map[string]bool{}
	for range steps {
		sendSome(t, random, mothership, want, forgotten, seen)
		got, err := satellite.Receive(t.Context(), random.IntN(6))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			have.apply(m, seen)
		}
		if random.IntN(40) == 0 {
			seen.Restarts++
			satellite.Close()
			satellite = l.OpenSatellite(t, nil, "sat-1")
		}
	}
	l.Calm()
	for key, m := range want {
		if have[key].Generation != m.Generation {
			seen.Missing++
		}
	}
	satellite.Close()
	satellite = l.OpenSatellite(t, nil, "sat-1")
	poll.Until(t, "being caught up", func() bool {
		got, err := satellite.Receive(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			have.apply(m, seen)
		}
		return len(got) == 0 && satellite.CaughtUp()
	})
	for key, m := range want {
		if got := have[key]; got.Generation != m.Generation || got.Deleted != m.Deleted || string(got.Content) != string(m.Content) {
			t.Errorf("%s is in generation %s (deleted: %t); want %s (%t)", key, got.Generation, got.Deleted, m.Generation, m.Deleted)
		}
	}
	for key := range have {
		if forgotten[key] {
			t.Errorf("%s is back", key)
		}
	}
	seen.Converged++
}

// sendSome changes a few records and sends them until the Send is acknowledged.
func sendSome(t *testing.T, random *rand.Rand, mothership End, want ledger, forgotten map[string]bool, seen *Seen) {
	var messages []link.Message
	for range random.IntN(4) {
		key := fmt.Sprint("pkc-", random.IntN(12))
		if forgotten["psc/"+key] {
			continue
		}
		m := message("psc", key, want["psc/"+key].Generation.Number+1, fmt.Sprintf(`{"brokers":%d}`, random.IntN(100)))
		m.SatelliteID = "sat-1"
		switch {
		case want[m.Key()].Deleted:
			m = link.Message{Kind: m.Kind, ID: m.ID, Generation: orrery.Generation{Number: m.Generation.Number}, Tombstone: true}
			delete(want, m.Key())
			forgotten[m.Key()] = true
		default:
			m.Deleted = random.IntN(12) == 0
			want[m.Key()] = m
		}
		messages = append(messages, m)
	}
	for tries := 0; mothership.Send(t.Context(), "sat-1", messages) != nil; tries++ {
		seen.Failed++
		if tries > 100 {
			t.Fatal("Send fails for ever")
		}
	}
}

package mem_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/link/linktest"
	"github.com/orrery-kafka/orrery/internal/link/mem"
)

type memory struct{ *mem.Topics }

func (m memory) OpenMothership(t *testing.T, arrived func(), satelliteIDs ...string) linktest.End {
	end := m.Topics.OpenMothership(arrived, satelliteIDs...)
	t.Cleanup(end.Close)
	return end
}

func (m memory) OpenSatellite(t *testing.T, arrived func(), satelliteID string) linktest.End {
	end := m.Topics.OpenSatellite(arrived, satelliteID)
	t.Cleanup(end.Close)
	return end
}

func (m memory) Append(_ *testing.T, status bool, satelliteID string, key, value []byte) {
	m.Topics.Append(status, satelliteID, key, value)
}

func TestLink(t *testing.T) {
	linktest.Run(t, func(*testing.T) linktest.Link { return memory{mem.New(nil)} })
}

func TestConverge(t *testing.T) {
	seen := linktest.Converge(t, 100, func(_ *testing.T, seed uint64) linktest.Faulty {
		topics := mem.New(rand.New(rand.NewPCG(seed, 2)))
		topics.SetFaults(mem.Faults{Lose: 0.1, Repeat: 0.2, Delay: 0.2, FailSend: 0.2})
		return linktest.Faulty{Link: memory{topics}, Calm: func() { topics.SetFaults(mem.Faults{}) }}
	})
	// Without these the runs above would prove nothing.
	if seen.Repeats == 0 || seen.Late == 0 || seen.Missing == 0 || seen.Failed == 0 || seen.Restarts == 0 || seen.Converged != 100 {
		t.Errorf("the faults did %+v", seen)
	}
}

func TestSameSeedSameFaults(t *testing.T) {
	run := func(seed uint64) []link.Message {
		topics := mem.New(rand.New(rand.NewPCG(seed, 2)))
		topics.SetFaults(mem.Faults{Lose: 0.3, Repeat: 0.3, Delay: 0.3})
		mothership, satellite := topics.OpenMothership(nil, "sat-1"), topics.OpenSatellite(nil, "sat-1")
		var all []link.Message
		for number := range int64(50) {
			send(t, mothership, number)
			all = append(all, receive(t, satellite)...)
		}
		return all
	}
	if a, b := run(1), run(1); !cmp.Equal(a, b) {
		t.Error(cmp.Diff(a, b))
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("another seed changes nothing")
	}
}

func TestFaultsOnDemand(t *testing.T) {
	topics := mem.New(nil)
	mothership := topics.OpenMothership(nil, "sat-1")
	send(t, mothership, 1)
	satellite := topics.OpenSatellite(nil, "sat-1")
	satellite.Lose(1)
	expect(t, "a lost message", receive(t, satellite))
	if satellite.CaughtUp() {
		t.Error("caught up although a message was lost")
	}
	satellite.Restart()
	expect(t, "a restart", receive(t, satellite), 1)
	if !satellite.CaughtUp() {
		t.Error("not caught up after the restart")
	}
	satellite.Repeat(1)
	send(t, mothership, 2)
	expect(t, "a repeated message", receive(t, satellite), 2)
	expect(t, "its repetition", receive(t, satellite), 2)
	satellite.Delay(1)
	send(t, mothership, 3)
	expect(t, "a delayed message", receive(t, satellite))
	send(t, mothership, 4)
	expect(t, "a newer one before it", receive(t, satellite), 4, 3)

	topics.FailSends(1, false)
	if err := mothership.Send(t.Context(), "sat-1", []link.Message{psc(5)}); !errors.Is(err, mem.ErrFault) {
		t.Errorf("Send returned %v", err)
	}
	expect(t, "a Send that failed before", receive(t, satellite))
	topics.FailSends(1, true)
	if err := mothership.Send(t.Context(), "sat-1", []link.Message{psc(5)}); !errors.Is(err, mem.ErrFault) {
		t.Errorf("Send returned %v", err)
	}
	expect(t, "a Send that failed after", receive(t, satellite), 5)

	topics.Compact(false)
	satellite.Restart()
	expect(t, "compaction", receive(t, satellite), 5)
	topics.Recreate("sat-1")
	expect(t, "an empty new topic", receive(t, satellite))
	if !satellite.CaughtUp() {
		t.Error("not caught up with an empty topic")
	}
	send(t, mothership, 6)
	expect(t, "the new topic", receive(t, satellite), 6)
}

func TestADelayedMessageIsNotBehindItsTombstone(t *testing.T) {
	topics := mem.New(nil)
	mothership, satellite := topics.OpenMothership(nil, "sat-1"), topics.OpenSatellite(nil, "sat-1")
	satellite.Delay(1)
	send(t, mothership, 1)
	if err := mothership.Send(t.Context(), "sat-1", []link.Message{{Kind: "psc", ID: "pkc-1", Tombstone: true}}); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, satellite); len(got) != 1 || !got[0].Tombstone {
		t.Errorf("received %+v", got)
	}
	expect(t, "the tombstone", receive(t, satellite))
	topics.Compact(true)
	satellite.Restart()
	expect(t, "compaction of the tombstone", receive(t, satellite))
	if !satellite.CaughtUp() {
		t.Error("not caught up with a log whose end was compacted away")
	}
}

func psc(number int64) link.Message {
	return link.Message{Kind: "psc", ID: "pkc-1", Generation: orrery.Generation{Number: number}}
}

func send(t *testing.T, end *mem.End, number int64) {
	t.Helper()
	if err := end.Send(t.Context(), "sat-1", []link.Message{psc(number)}); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, end *mem.End) []link.Message {
	t.Helper()
	got, err := end.Receive(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func expect(t *testing.T, what string, got []link.Message, numbers ...int64) {
	t.Helper()
	var have []int64
	for _, m := range got {
		have = append(have, m.Generation.Number)
	}
	if !cmp.Equal(have, numbers) {
		t.Errorf("%s: received generations %v; want %v", what, have, numbers)
	}
}

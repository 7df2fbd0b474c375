// Package linktest is the suite that every adapter of the link must pass.
package linktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// End is what an adapter opens.
type End interface {
	link.Sender
	link.Receiver
	// AddSatellite adds the topics of a satellite that appeared later.
	AddSatellite(ctx context.Context, satelliteID string) error
	// Skipped returns how many records could not be decoded.
	Skipped() int64
	// Close ends the connections.
	Close()
}

// Link is an adapter under test, with empty topics. The open functions fail the test where they cannot open, and
// close the end with the test.
type Link interface {
	// OpenMothership and OpenSatellite open an end, which calls arrived when there is something to receive.
	OpenMothership(t *testing.T, arrived func(), satelliteIDs ...string) End
	OpenSatellite(t *testing.T, arrived func(), satelliteID string) End
	// Append appends a raw record to the desired or status topic of a satellite.
	Append(t *testing.T, status bool, satelliteID string, key, value []byte)
}

const patience = time.Minute

// Run runs the suite; open returns a new link each time.
func Run(t *testing.T, open func(t *testing.T) Link) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, l Link)
	}{
		{"BothWays", testBothWays},
		{"NewestOfEachKey", testNewestOfEachKey},
		{"FromTheBeginning", testFromTheBeginning},
		{"CaughtUp", testCaughtUp},
		{"Arrived", testArrived},
		{"Fenced", testFenced},
		{"FencedSatellite", testFencedSatellite},
		{"FencedCannotAdd", testFencedCannotAdd},
		{"AllOrNone", testAllOrNone},
		{"Tombstone", testTombstone},
		{"UnknownFields", testUnknownFields},
		{"MalformedIsSkipped", testMalformedIsSkipped},
		{"Bounds", testBounds},
		{"EachSatelliteItsOwn", testEachSatelliteItsOwn},
		{"SatelliteAppears", testSatelliteAppears},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func testBothWays(t *testing.T, l Link) {
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	desired := message("psc", "pkc-1", 1, `{"brokers":3}`)
	send(t, mothership, "sat-1", desired)
	if got := receive(t, satellite, 1); !cmp.Equal(got[0], at("sat-1", desired)) {
		t.Error(cmp.Diff(at("sat-1", desired), got[0]))
	}
	status := message("psc", "pkc-1", 1, `{"applied":true}`)
	send(t, satellite, "sat-1", status)
	if got := receive(t, mothership, 1); !cmp.Equal(got[0], at("sat-1", status)) {
		t.Error(cmp.Diff(at("sat-1", status), got[0]))
	}
	deleted := message("psc", "pkc-1", 2, `{"brokers":3}`)
	deleted.Deleted = true
	send(t, mothership, "sat-1", deleted)
	if got := receive(t, satellite, 1); !cmp.Equal(got[0], at("sat-1", deleted)) {
		t.Error(cmp.Diff(at("sat-1", deleted), got[0]))
	}
	if got, err := satellite.Receive(t.Context(), 10); err != nil || len(got) != 0 {
		t.Errorf("with nothing new Receive returned %d messages and %v", len(got), err)
	}
}

func testNewestOfEachKey(t *testing.T, l Link) {
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	const keys, rounds = 20, 15
	for round := 1; round <= rounds; round++ {
		var messages []link.Message
		for key := range keys {
			messages = append(messages, message("tenant", fmt.Sprint("lkc-", key), int64(round), `{}`))
		}
		send(t, mothership, "sat-1", messages...)
	}
	newest := map[string]int64{}
	poll.Until(t, "the newest of each key", func() bool {
		got, err := satellite.Receive(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > 7 {
			t.Fatalf("Receive(7) returned %d messages", len(got))
		}
		for _, m := range got {
			if m.Generation.Number < newest[m.Key()] {
				t.Errorf("%s came in generation %d after %d", m.Key(), m.Generation.Number, newest[m.Key()])
			}
			newest[m.Key()] = m.Generation.Number
		}
		done := 0
		for _, n := range newest {
			if n == rounds {
				done++
			}
		}
		return done == keys
	})
}

func testFromTheBeginning(t *testing.T, l Link) {
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	send(t, mothership, "sat-1", message("psc", "pkc-1", 1, `{}`), message("psc", "pkc-2", 1, `{}`))
	receive(t, satellite, 2)
	send(t, mothership, "sat-1", message("psc", "pkc-1", 2, `{}`))
	receive(t, satellite, 1)
	satellite.Close()
	state := drain(t, l.OpenSatellite(t, nil, "sat-1"))
	if len(state) != 2 || state["psc/pkc-1"].Generation.Number != 2 || state["psc/pkc-2"].Generation.Number != 1 {
		t.Errorf("a receiver that was opened again has %+v", state)
	}
}

func testCaughtUp(t *testing.T, l Link) {
	mothership := l.OpenMothership(t, nil, "sat-1")
	if !caughtUp(t, mothership) {
		t.Error("a receiver of an empty log is not caught up")
	}
	var messages []link.Message
	for key := range 50 {
		messages = append(messages, message("tenant", fmt.Sprint("lkc-", key), 1, `{}`))
	}
	send(t, mothership, "sat-1", messages...)
	satellite := l.OpenSatellite(t, nil, "sat-1")
	seen := map[string]bool{}
	poll.Until(t, "being caught up", func() bool {
		if satellite.CaughtUp() && len(seen) < len(messages) {
			t.Fatalf("caught up after %d of %d messages", len(seen), len(messages))
		}
		got, err := satellite.Receive(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			seen[m.Key()] = true
		}
		return satellite.CaughtUp()
	})
	send(t, mothership, "sat-1", message("tenant", "lkc-later", 1, `{}`))
	if !satellite.CaughtUp() {
		t.Error("what came after the opening counts")
	}
}

func testArrived(t *testing.T, l Link) {
	nudged := make(chan struct{}, 1000)
	mothership := l.OpenMothership(t, nil, "sat-1")
	satellite := l.OpenSatellite(t, func() { nudged <- struct{}{} }, "sat-1")
	for number := int64(1); number <= 3; number++ {
		send(t, mothership, "sat-1", message("psc", "pkc-1", number, `{}`))
		for got := []link.Message(nil); len(got) == 0; {
			select {
			case <-nudged:
			case <-time.After(patience):
				t.Fatal("no nudge")
			}
			var err error
			if got, err = satellite.Receive(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func testFenced(t *testing.T, l Link) {
	old := l.OpenMothership(t, nil, "sat-1", "sat-2")
	send(t, old, "sat-1", message("psc", "pkc-1", 1, `{}`))
	send(t, old, "sat-2", message("psc", "pkc-2", 1, `{}`))
	next := l.OpenMothership(t, nil, "sat-1", "sat-2")
	refused(t, old, "sat-1", message("psc", "pkc-1", 9, `{"by":"old"}`))
	send(t, next, "sat-1", message("psc", "pkc-1", 2, `{}`))
	// It stays fenced, everywhere, and does not fence its successor by trying.
	for _, id := range []string{"sat-2", "sat-1"} {
		refused(t, old, id, message("psc", "pkc-9", 9, `{"by":"old"}`))
	}
	send(t, next, "sat-1", message("psc", "pkc-1", 3, `{}`))
	send(t, next, "sat-2", message("psc", "pkc-2", 3, `{}`))
	for id, key := range map[string]string{"sat-1": "psc/pkc-1", "sat-2": "psc/pkc-2"} {
		state := drain(t, l.OpenSatellite(t, nil, id))
		if len(state) != 1 || state[key].Generation.Number != 3 {
			t.Errorf("%s has %+v", id, state)
		}
	}
}

func testFencedSatellite(t *testing.T, l Link) {
	mothership := l.OpenMothership(t, nil, "sat-1")
	old := l.OpenSatellite(t, nil, "sat-1")
	next := l.OpenSatellite(t, nil, "sat-1")
	refused(t, old, "sat-1", message("psc", "pkc-1", 9, `{}`))
	send(t, next, "sat-1", message("psc", "pkc-1", 1, `{}`))
	if got := receive(t, mothership, 1); got[0].Generation.Number != 1 {
		t.Errorf("received %+v", got)
	}
}

func testFencedCannotAdd(t *testing.T, l Link) {
	old := l.OpenMothership(t, nil, "sat-1")
	next := l.OpenMothership(t, nil, "sat-1", "sat-2")
	if err := old.AddSatellite(t.Context(), "sat-2"); !errors.Is(err, link.ErrFenced) {
		t.Errorf("AddSatellite of a fenced mothership returned %v; want ErrFenced", err)
	}
	send(t, next, "sat-2", message("psc", "pkc-1", 1, `{}`))
}

func testAllOrNone(t *testing.T, l Link) {
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	bad := []link.Message{message("psc", "pkc-1", 1, `{}`), message("psc", "pkc-2", 1, `{`), message("psc", "pkc-3", 1, `{}`)}
	if err := mothership.Send(t.Context(), "sat-1", bad); !errors.Is(err, link.ErrMalformed) {
		t.Errorf("Send of a malformed message returned %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mothership.Send(over, "sat-1", []link.Message{message("psc", "pkc-4", 1, `{}`)}); err == nil {
		t.Error("Send with an ended context returned nil")
	}
	// Larger than one record batch, and in one piece all the same.
	filler := `"` + strings.Repeat("x", 300<<10) + `"`
	var many []link.Message
	for key := range 12 {
		many = append(many, message("tenant", fmt.Sprint("lkc-", key), 1, filler))
	}
	send(t, mothership, "sat-1", many...)
	send(t, mothership, "sat-1", message("psc", "pkc-last", 1, `{}`))
	state := map[string]link.Message{}
	poll.Until(t, "the last message", func() bool {
		collect(t, satellite, state)
		_, last := state["psc/pkc-last"]
		return last
	})
	for _, m := range many {
		if got := state[m.Key()]; string(got.Content) != filler {
			t.Errorf("%s arrived with %d bytes", m.Key(), len(got.Content))
		}
	}
	if len(state) != len(many)+1 {
		t.Errorf("%d keys arrived; want %d", len(state), len(many)+1)
	}
}

func testTombstone(t *testing.T, l Link) {
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	send(t, mothership, "sat-1", message("credential", "pkc-1/KEY", 1, `{}`))
	receive(t, satellite, 1)
	send(t, mothership, "sat-1", link.Message{Kind: "credential", ID: "pkc-1/KEY", Generation: orrery.Generation{Number: 2}, Tombstone: true})
	want := link.Message{SatelliteID: "sat-1", Kind: "credential", ID: "pkc-1/KEY", Tombstone: true}
	if got := receive(t, satellite, 1); !cmp.Equal(got[0], want) {
		t.Error(cmp.Diff(want, got[0]))
	}
}

func testUnknownFields(t *testing.T, l Link) {
	l.OpenMothership(t, nil, "sat-1")
	satellite := l.OpenSatellite(t, nil, "sat-1")
	content := `{ "brokers" : 3, "later":{"z":1.50,"a":"<&\u003e"} }`
	l.Append(t, false, "sat-1", []byte("psc/pkc-1"), []byte(`{"new":[1],"version":2,"kind":"psc","id":"pkc-1","generation":{"term":0,"number":4,"new":1},"content":`+content+`,"other":null}`))
	want := link.Message{SatelliteID: "sat-1", Version: 2, Kind: "psc", ID: "pkc-1", Generation: orrery.Generation{Number: 4}, Content: json.RawMessage(content)}
	got := receive(t, satellite, 1)[0]
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	// A kind of a later version goes through this one as it is.
	l.Append(t, false, "sat-1", []byte("quota/q-1"), []byte(`{"version":2,"kind":"quota","id":"q-1","generation":{"term":0,"number":1},"content":`+content+`}`))
	if got := receive(t, satellite, 1)[0]; got.Kind != "quota" || string(got.Content) != content {
		t.Errorf("a kind that is unknown became %+v", got)
	}
}

func testMalformedIsSkipped(t *testing.T, l Link) {
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	good := `{"version":1,"kind":"psc","id":"pkc-1","generation":{"term":0,"number":1}}`
	bad := []struct{ key, value string }{
		{"psc/pkc-2", "\x00garbage"}, {"psc/pkc-2", ""}, {"psc/pkc-2", good}, {"psc", good}, {"", good},
		{"psc/pkc-1", strings.Replace(good, `{"v`, `{`+strings.Repeat(" ", link.MaxMessage)+`"v`, 1)},
	}
	for _, b := range bad {
		l.Append(t, false, "sat-1", []byte(b.key), []byte(b.value))
	}
	send(t, mothership, "sat-1", message("psc", "pkc-1", 7, `{}`))
	if got := receive(t, satellite, 1); got[0].Generation.Number != 7 {
		t.Errorf("received %+v", got)
	}
	if satellite.Skipped() != int64(len(bad)) {
		t.Errorf("%d records were skipped; want %d", satellite.Skipped(), len(bad))
	}
	satellite.Close()
	satellite = l.OpenSatellite(t, nil, "sat-1")
	if state := drain(t, satellite); len(state) != 1 {
		t.Errorf("after a restart there are %d keys", len(state))
	}
}

func testBounds(t *testing.T, l Link) {
	mothership, satellite := l.OpenMothership(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-1")
	frame := len(`{"version":1,"kind":"psc","id":"pkc-1","generation":{"term":0,"number":1},"content":""}`)
	largest := message("psc", "pkc-1", 1, `"`+strings.Repeat("x", link.MaxMessage-frame)+`"`)
	tooLarge := message("psc", "pkc-1", 1, `"`+strings.Repeat("x", link.MaxMessage-frame+1)+`"`)
	if err := mothership.Send(t.Context(), "sat-1", []link.Message{tooLarge}); !errors.Is(err, link.ErrMalformed) {
		t.Errorf("Send of a message that is too large returned %v", err)
	}
	send(t, mothership, "sat-1", largest)
	if got := receive(t, satellite, 1); !cmp.Equal(got[0].Content, largest.Content) {
		t.Errorf("the largest message arrived with %d bytes", len(got[0].Content))
	}
	if err := mothership.Send(t.Context(), "sat-unknown", []link.Message{message("psc", "pkc-1", 1, `{}`)}); err == nil {
		t.Error("Send to a satellite that was not added returned nil")
	}
	if err := mothership.Send(t.Context(), "sat-1", nil); err != nil {
		t.Errorf("Send of nothing returned %v", err)
	}
}

func testEachSatelliteItsOwn(t *testing.T, l Link) {
	mothership := l.OpenMothership(t, nil, "sat-1", "sat-2")
	first, second := l.OpenSatellite(t, nil, "sat-1"), l.OpenSatellite(t, nil, "sat-2")
	send(t, mothership, "sat-1", message("psc", "pkc-1", 1, `{}`))
	send(t, mothership, "sat-2", message("psc", "pkc-2", 1, `{}`))
	for end, want := range map[End]link.Message{first: message("psc", "pkc-1", 1, `{}`), second: message("psc", "pkc-2", 1, `{}`)} {
		if got := receive(t, end, 1); got[0].Key() != want.Key() {
			t.Errorf("received %s; want %s", got[0].Key(), want.Key())
		}
	}
	if err := first.Send(t.Context(), "sat-2", []link.Message{message("psc", "pkc-1", 1, `{}`)}); err == nil {
		t.Error("a satellite can send as another")
	}
	send(t, first, "sat-1", message("psc", "pkc-1", 1, `{}`))
	send(t, second, "sat-2", message("psc", "pkc-2", 1, `{}`))
	from := map[string]string{}
	for _, m := range receive(t, mothership, 2) {
		from[m.Key()] = m.SatelliteID
	}
	if want := map[string]string{"psc/pkc-1": "sat-1", "psc/pkc-2": "sat-2"}; !cmp.Equal(from, want) {
		t.Error(cmp.Diff(want, from))
	}
}

func testSatelliteAppears(t *testing.T, l Link) {
	mothership := l.OpenMothership(t, nil)
	if !caughtUp(t, mothership) {
		t.Error("a mothership without satellites is not caught up")
	}
	for _, id := range []string{"sat-1", "sat-2"} {
		satellite := l.OpenSatellite(t, nil, id)
		send(t, satellite, id, message("satellite", id, 0, `{}`))
		for range 2 { // the second time it changes nothing
			if err := mothership.AddSatellite(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if got := receive(t, mothership, 1); got[0].Key() != "satellite/"+id || got[0].SatelliteID != id {
			t.Errorf("received %+v", got)
		}
		send(t, mothership, id, message("psc", "pkc-1", 1, `{}`))
		receive(t, satellite, 1)
	}
}

func message(kind, id string, number int64, content string) link.Message {
	return link.Message{Version: link.WireVersion, Kind: kind, ID: id, Generation: orrery.Generation{Number: number}, Content: json.RawMessage(content)}
}

func at(satelliteID string, m link.Message) link.Message {
	m.SatelliteID = satelliteID
	return m
}

func send(t *testing.T, end End, satelliteID string, messages ...link.Message) {
	t.Helper()
	if err := end.Send(t.Context(), satelliteID, messages); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func refused(t *testing.T, end End, satelliteID string, m link.Message) {
	t.Helper()
	if err := end.Send(t.Context(), satelliteID, []link.Message{m}); !errors.Is(err, link.ErrFenced) {
		t.Fatalf("Send of a fenced end returned %v; want ErrFenced", err)
	}
}

func receive(t *testing.T, end End, n int) []link.Message {
	t.Helper()
	var all []link.Message
	poll.Until(t, fmt.Sprint(n, " messages"), func() bool {
		got, err := end.Receive(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got...)
		return len(all) >= n
	})
	if len(all) > n {
		t.Fatalf("received %d messages; want %d: %+v", len(all), n, all)
	}
	return all
}

func caughtUp(t *testing.T, end End) bool {
	t.Helper()
	poll.Until(t, "CaughtUp", end.CaughtUp)
	return true
}

// collect receives what is there into state, by key.
func collect(t *testing.T, end End, state map[string]link.Message) int {
	t.Helper()
	got, err := end.Receive(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got {
		state[m.Key()] = m
	}
	return len(got)
}

// drain receives until the end is caught up and returns the last message of each key.
func drain(t *testing.T, end End) map[string]link.Message {
	t.Helper()
	state := map[string]link.Message{}
	poll.Until(t, "being caught up", func() bool {
		return collect(t, end, state) == 0 && end.CaughtUp()
	})
	return state
}

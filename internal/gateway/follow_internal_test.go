package gateway

import (
	"io"
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A state topic that comes again from an earlier record says nothing before its end: a key that was deleted does not
// come back on the way.
func TestStateThatComesAgain(t *testing.T) {
	f := &follower{
		gateway:   &Gateway{config: Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}},
		positions: map[string]int64{}, again: map[string]*rereading{},
	}
	take := func(topic string, offset int64, value string) []stateRecord {
		var b []byte
		if value != "" {
			b = []byte(value)
		}
		return f.take(nil, &kgo.Record{Topic: topic, Offset: offset, Key: []byte("key"), Value: b})
	}
	for offset, value := range []string{"made", "changed", ""} {
		if got := take(topicTenants, int64(offset), value); len(got) != 1 || string(got[0].value) != value {
			t.Fatalf("record %d gives %v", offset, got)
		}
	}
	for offset, value := range []string{"made", "changed", ""} {
		if got := take(topicTenants, int64(offset), value); len(got) != 0 {
			t.Fatalf("record %d, again, gives %v before the end", offset, got)
		}
		f.again[topicTenants].end = 3
		got := f.finish(nil, topicTenants)
		if f.positions[topicTenants] != 3 {
			t.Errorf("the position is %d", f.positions[topicTenants])
		}
		switch {
		case offset < 2 && len(got) != 0:
			t.Fatalf("after record %d of 3, again: %v", offset, got)
		case offset == 2 && (len(got) != 3 || got[2].value != nil):
			t.Fatalf("at the end: %v", got)
		}
		if other := take(topicACLs, int64(offset), "x"); len(other) != 1 {
			t.Errorf("the other topic's record %d gives %v", offset, other)
		}
	}
	if got := take(topicTenants, 3, "next"); len(got) != 1 || f.positions[topicTenants] != 4 {
		t.Errorf("what comes next gives %v, position %d", got, f.positions[topicTenants])
	}
	// A topic that really lost its end is shorter afterwards.
	take(topicTenants, 1, "other")
	f.again[topicTenants].end = 2
	if got := f.finish(nil, topicTenants); len(got) != 1 || f.positions[topicTenants] != 2 {
		t.Errorf("a shorter topic gives %v, position %d", got, f.positions[topicTenants])
	}
}

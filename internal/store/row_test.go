package store_test

import (
	"math"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// FuzzParseCursor feeds the parser of page tokens what a user might send: it returns the position that gives the
// same cursor again, or an Invalid error.
func FuzzParseCursor(f *testing.F) {
	for _, id := range []string{"env-123456", "credential/pkc-1/KEY", "ü\x00", ""} {
		f.Add(store.Position{Created: math.MinInt64, ID: id}.Cursor())
	}
	f.Add("MTIv")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, cursor string) {
		position, err := store.ParseCursor(cursor)
		if err != nil {
			if orrery.ErrorCode(err) != orrery.Invalid {
				t.Errorf("the error %v is not Invalid", err)
			}
			return
		}
		again, err := store.ParseCursor(position.Cursor())
		if err != nil || again != position {
			t.Errorf("%+v became %+v (%v)", position, again, err)
		}
	})
}

func TestNanosecondsKeepsOrder(t *testing.T) {
	times := []time.Time{
		{}, time.Date(1677, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0),
		time.Unix(0, 1), time.Date(2261, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for i := 1; i < len(times); i++ {
		if before, after := store.Nanoseconds(times[i-1]), store.Nanoseconds(times[i]); before > after {
			t.Errorf("%v is %d and %v is %d", times[i-1], before, times[i], after)
		}
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.FixedZone("east", 3600))
	if got := store.DueTime(store.Due(now)); !got.Equal(now) || got.Location() != time.UTC {
		t.Errorf("%v became %v", now, got)
	}
	if store.Due(time.Time{}) != 0 {
		t.Error("the zero time is not at once")
	}
}

func TestEncodeNeedsAnID(t *testing.T) {
	if _, err := store.Environments.Encode(orrery.Environment{}); orrery.ErrorCode(err) != orrery.Internal {
		t.Errorf("encoding a row without an id: %v", err)
	}
}

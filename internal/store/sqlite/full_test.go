package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// TestDiskFull lets the file reach a size that SQLite may not go beyond, which is the same to it as a full disk:
// the Update fails with advice, what was committed stays, and once there is room the store works again.
func TestDiskFull(t *testing.T) {
	directory := t.TempDir()
	s := mustOpen(t, directory)
	limit := func(pages int) {
		writer := <-s.writer
		defer func() { s.writer <- writer }()
		var got int
		if err := writer.conn.QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(&got); err != nil {
			t.Fatal(err)
		}
	}
	put := func(i int) error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			return tx.Environments().Put(orrery.Environment{ID: fmt.Sprint("env-", i), DisplayName: strings.Repeat("x", 2000), CreatedAt: time.Unix(int64(i), 0)})
		})
	}
	limit(200)
	committed := 0
	var err error
	for err = put(0); err == nil && committed < 1000; err = put(committed) {
		committed++
	}
	if want := "the disk of " + directory + " is full: free space and retry; nothing was lost"; orrery.ErrorCode(err) != orrery.Unavailable || orrery.ErrorMessage(err) != want {
		t.Fatalf("after %d rows: %v, want an Unavailable error with %q", committed, err, want)
	}
	count := func() (n int) {
		if err := s.View(t.Context(), func(tx store.Tx) (err error) { n, err = tx.Environments().Count(store.Query{}); return err }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != committed || n == 0 {
		t.Errorf("%d rows are there, want the %d that were committed", n, committed)
	}
	limit(100_000)
	if err := put(committed); err != nil || count() != committed+1 {
		t.Errorf("with room again: %v, %d rows", err, count())
	}
}

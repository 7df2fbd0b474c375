package sqlite

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/orrery-kafka/orrery/internal/store"
)

// TestCrash opens what the files hold in the middle of an Update, as after a kill -9: every commit is there, and
// nothing of the Update that did not end.
func TestCrash(t *testing.T) {
	directory := t.TempDir()
	s := mustOpen(t, directory)
	set := func(n int) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.SetMeta("counter", strconv.Itoa(n)) }
	}
	for n := range 50 {
		if err := s.Update(t.Context(), set(n)); err != nil {
			t.Fatal(err)
		}
		if n%10 != 9 {
			continue
		}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := set(1_000_000)(tx); err != nil {
				return err
			}
			crashed := mustOpen(t, copied(t, directory))
			defer crashed.Close()
			return crashed.View(t.Context(), func(tx store.Tx) error {
				got, err := tx.Meta("counter")
				if got != strconv.Itoa(n) {
					t.Errorf("after a crash the counter is %s, want %d", got, n)
				}
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// copied copies a database and its write-ahead log as they are to another directory.
func copied(t *testing.T, directory string) string {
	t.Helper()
	target := t.TempDir()
	for _, name := range []string{FileName, FileName + "-wal"} {
		content, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(target, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return target
}

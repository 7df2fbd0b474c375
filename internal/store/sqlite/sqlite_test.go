package sqlite_test

import (
	"testing"

	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/store/sqlite"
	"github.com/orrery-kafka/orrery/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		directory := t.TempDir()
		s := open(t, directory)
		return s, func() store.Store {
			if err := s.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			s = open(t, directory)
			return s
		}
	})
}

func open(t testing.TB, directory string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), directory)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

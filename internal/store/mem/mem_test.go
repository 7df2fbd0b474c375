package mem_test

import (
	"slices"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/store/mem"
	"github.com/orrery-kafka/orrery/internal/store/storetest"
)

// A snapshot stays as it is, and is a store of its own.
func TestSnapshot(t *testing.T) {
	one := mem.New()
	put := func(s *mem.Store, id string) {
		err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Organizations().Put(orrery.Organization{ID: id}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	ids := func(s *mem.Store) (ids []string) {
		err := s.View(t.Context(), func(tx store.Tx) error {
			page, err := tx.Organizations().List(store.Query{})
			for _, o := range page.Rows {
				ids = append(ids, o.ID)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	put(one, "a")
	two := one.Snapshot()
	put(one, "b")
	put(two, "c")
	if first, second := ids(one), ids(two); !slices.Equal(first, []string{"a", "b"}) || !slices.Equal(second, []string{"a", "c"}) {
		t.Errorf("the store has %v and its snapshot %v", first, second)
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		s := mem.New()
		t.Cleanup(func() { s.Close() })
		return s, nil
	})
}

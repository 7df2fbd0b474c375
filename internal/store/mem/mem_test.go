package mem_test

import (
	"testing"

	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/store/mem"
	"github.com/orrery-kafka/orrery/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		s := mem.New()
		t.Cleanup(func() { s.Close() })
		return s, nil
	})
}

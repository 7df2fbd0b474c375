package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

func cluster(i int) orrery.LogicalCluster {
	return orrery.LogicalCluster{
		ID: fmt.Sprintf("lkc-%06d", i), OrganizationID: "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", EnvironmentID: "env-123456",
		DisplayName: fmt.Sprint("cluster ", i), Type: orrery.TypeBasic, Cloud: "AWS", Region: "us-east-1", PhysicalClusterID: "pkc-123456",
		State:     orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: time.Unix(int64(i), 0).UTC()},
		CreatedAt: time.Unix(int64(i), 0).UTC(), UpdatedAt: time.Unix(int64(i), 0).UTC(),
	}
}

// BenchmarkPut is one row in one transaction, committed to the disk.
func BenchmarkPut(b *testing.B) {
	s := mustOpen(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		if err := s.Update(b.Context(), func(tx store.Tx) error { return tx.LogicalClusters().Put(cluster(i)) }); err != nil {
			b.Fatal(err)
		}
	}
}

const benchmarkRows = 10_000

func filled(b *testing.B) *Store {
	s := mustOpen(b, b.TempDir())
	err := s.Update(b.Context(), func(tx store.Tx) error {
		for i := range benchmarkRows {
			if err := tx.LogicalClusters().Put(cluster(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkGet is one row out of 10,000 in one transaction.
func BenchmarkGet(b *testing.B) {
	s := filled(b)
	for i := 0; b.Loop(); i++ {
		if err := s.View(b.Context(), func(tx store.Tx) error {
			_, err := tx.LogicalClusters().Get(cluster(i % benchmarkRows).ID)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList is a page of 100 out of 10,000 that one field selects.
func BenchmarkList(b *testing.B) {
	s := filled(b)
	for b.Loop() {
		if err := s.View(b.Context(), func(tx store.Tx) error {
			page, err := tx.LogicalClusters().List(store.Query{Where: map[store.Field]string{store.EnvironmentID: "env-123456"}, Limit: 100})
			if len(page.Rows) != 100 {
				b.Fatalf("%d rows", len(page.Rows))
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

package inproc

import (
	"fmt"

	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// readRecord reads the record of a cluster.
func readRecord(b *book.Book, id string) (book.Record, error) {
	var r book.Record
	if err := b.Read(id, &r); err != nil {
		return book.Record{}, err
	}
	if r.Spec.Brokers < 1 || r.Spec.Brokers > maxBrokers || (r.Spec.Gateways && len(r.Endpoints.Brokers) != r.Spec.Brokers) {
		return book.Record{}, b.Damaged(id, fmt.Sprintf("%d brokers, %d addresses", r.Spec.Brokers, len(r.Endpoints.Brokers)))
	}
	return r, nil
}

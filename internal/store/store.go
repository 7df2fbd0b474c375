// Package store is the port to the control plane's durable state.
//
// A store holds tables of nouns and obeys; every rule is one layer up, in mothership. Transactions are
// serializable: an Update sees no other Update's work in between, and is all or nothing. The adapters are
// sqlite (the embedded default) and mem (tests, simulation); storetest is the suite that both must pass.
package store

import (
	"context"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Store is durable state behind transactions.
type Store interface {
	// View runs f on a consistent snapshot. f must not keep the Tx; writes through it fail.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f in a transaction and commits it when f returns nil. It returns once the commit is durable.
	// f must be free of effects outside the Tx, for it may run again after a serialization conflict.
	Update(ctx context.Context, f func(Tx) error) error
	// Close releases the store. Calls after it fail with an Unavailable error.
	Close() error
}

// Tx is the state within one transaction: a table for each noun, the work queue and the meta table.
type Tx interface {
	// One table for each noun.
	Organizations() Table[orrery.Organization]
	Environments() Table[orrery.Environment]
	Users() Table[orrery.User]
	ServiceAccounts() Table[orrery.ServiceAccount]
	APIKeys() Table[orrery.APIKey]
	RoleBindings() Table[orrery.RoleBinding]
	IdentityProviders() Table[orrery.IdentityProvider]
	IdentityPools() Table[orrery.IdentityPool]
	CertificateAuthorities() Table[orrery.CertificateAuthority]
	LogicalClusters() Table[orrery.LogicalCluster]
	PlacementDecisions() Table[orrery.PlacementDecision]
	PSCs() Table[orrery.PSC]
	Satellites() Table[orrery.Satellite]
	Desired() Table[orrery.Desired]
	// Queue is the work queue.
	Queue() Queue
	// Meta returns the value of a key such as "term", and "" where there is none.
	Meta(key string) (string, error)
	// SetMeta sets the value of a key.
	SetMeta(key, value string) error
}

// Table is the rows of one noun. Which fields can be filtered is in the noun's declaration in this package.
type Table[T any] interface {
	// Get returns the row of an id, or a NotFound error.
	Get(id string) (T, error)
	// Put inserts the row or replaces the one of the same id.
	Put(row T) error
	// Delete removes the row; one that is not there is no error.
	Delete(id string) error
	// List returns the rows that a query selects, oldest first.
	List(q Query) (Page[T], error)
	// Count returns how many rows a query selects, ignoring After and Limit.
	Count(q Query) (int, error)
}

// Query selects rows of a table. The zero Query selects all.
type Query struct {
	// Where holds a value for each indexed field that must be equal to it.
	Where map[Field]string
	// After is the Next of the page before, or "".
	After string
	// Limit bounds the page; 0 means 1,000. A page is never larger than 1,000.
	Limit int
}

// MaxPage is the largest page, in rows.
const MaxPage = 1000

// Page is a part of a listing. Next is "" on the last page. A cursor stays valid when its row is deleted.
type Page[T any] struct {
	Rows []T
	Next string
}

// Where is shorthand for a Query on one field.
func Where(field Field, value string) Query { return Query{Where: map[Field]string{field: value}} }

// Queue is durable work for the loops: a set of keys for each loop. A key that is added twice is there once.
type Queue interface {
	// Add puts keys into a loop's set, due at once.
	Add(loop string, keys ...string) error
	// AddAt puts a key into a loop's set, due at a time; a key that is already due earlier stays so.
	AddAt(loop, key string, due time.Time) error
	// Due returns the keys of a loop that are due at now, in the order in which they became due, at most limit.
	Due(loop string, now time.Time, limit int) ([]string, error)
	// Next returns when the next key of a loop is due; ok is false where the set is empty.
	Next(loop string) (due time.Time, ok bool, err error)
	// Done removes a key.
	Done(loop, key string) error
}

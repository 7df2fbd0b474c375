package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// tx is one transaction on a connection.
type tx struct {
	ctx        context.Context // of the View or Update that it is the argument of
	connection *connection
	writable   bool
	ended      bool
	directory  string
}

// write runs a statement that changes something.
func (t *tx) write(text string, arguments ...any) error {
	switch {
	case t.ended:
		return store.ErrEnded
	case !t.writable:
		return store.ErrReadOnly
	}
	return domainError(t.directory, t.connection.exec(t.ctx, text, arguments...))
}

// row reads at most one row; ok is false where there is none.
func (t *tx) row(text string, arguments []any, targets ...any) (ok bool, err error) {
	if t.ended {
		return false, store.ErrEnded
	}
	err = t.connection.scan(t.ctx, text, arguments, targets...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, domainError(t.directory, err)
}

// rows visits every row.
func (t *tx) rows(text string, arguments []any, visit func(*sql.Rows) error) error {
	if t.ended {
		return store.ErrEnded
	}
	return domainError(t.directory, t.connection.each(t.ctx, text, arguments, visit))
}

// The tables.
func (t *tx) Organizations() store.Table[orrery.Organization] {
	return table[orrery.Organization]{t, store.Organizations}
}
func (t *tx) Environments() store.Table[orrery.Environment] {
	return table[orrery.Environment]{t, store.Environments}
}
func (t *tx) Users() store.Table[orrery.User] { return table[orrery.User]{t, store.Users} }
func (t *tx) ServiceAccounts() store.Table[orrery.ServiceAccount] {
	return table[orrery.ServiceAccount]{t, store.ServiceAccounts}
}
func (t *tx) APIKeys() store.Table[orrery.APIKey] { return table[orrery.APIKey]{t, store.APIKeys} }
func (t *tx) RoleBindings() store.Table[orrery.RoleBinding] {
	return table[orrery.RoleBinding]{t, store.RoleBindings}
}
func (t *tx) IdentityProviders() store.Table[orrery.IdentityProvider] {
	return table[orrery.IdentityProvider]{t, store.IdentityProviders}
}
func (t *tx) IdentityPools() store.Table[orrery.IdentityPool] {
	return table[orrery.IdentityPool]{t, store.IdentityPools}
}
func (t *tx) CertificateAuthorities() store.Table[orrery.CertificateAuthority] {
	return table[orrery.CertificateAuthority]{t, store.CertificateAuthorities}
}
func (t *tx) LogicalClusters() store.Table[orrery.LogicalCluster] {
	return table[orrery.LogicalCluster]{t, store.LogicalClusters}
}
func (t *tx) PlacementDecisions() store.Table[orrery.PlacementDecision] {
	return table[orrery.PlacementDecision]{t, store.PlacementDecisions}
}
func (t *tx) PSCs() store.Table[orrery.PSC] { return table[orrery.PSC]{t, store.PSCs} }
func (t *tx) Satellites() store.Table[orrery.Satellite] {
	return table[orrery.Satellite]{t, store.Satellites}
}
func (t *tx) Desired() store.Table[orrery.Desired] { return table[orrery.Desired]{t, store.Desired} }
func (t *tx) Queue() store.Queue                   { return queue{t} }

// Meta implements store.Tx.
func (t *tx) Meta(key string) (value string, err error) {
	_, err = t.row("SELECT value FROM meta WHERE key = ?", []any{key}, &value)
	return value, err
}

// SetMeta implements store.Tx.
func (t *tx) SetMeta(key, value string) error {
	return t.write("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
}

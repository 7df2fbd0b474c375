package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// state is what the gateway knows from _orrery_tenants. It never changes: new records make a new one.
type state struct {
	tenants     map[string]tenancy.Tenant // by lkc-…
	credentials map[string]credential     // by API key id
	bindings    map[string]authz.Binding  // by rb-…
	policy      *authz.Policy             // of bindings
	endpoints   orrery.Endpoints
}

// credential is an API key and the hash of its record, which tells whether a connection was opened with this one.
type credential struct {
	tenancy.Credential
	hash string
}

func emptyState() *state {
	return &state{
		tenants:     map[string]tenancy.Tenant{},
		credentials: map[string]credential{},
		bindings:    map[string]authz.Binding{},
		policy:      authz.NewPolicy(nil),
	}
}

// endpoint returns the address of the gateway of a node.
func (s *state) endpoint(node int32) (host string, port int32, ok bool) {
	for _, b := range s.endpoints.Brokers {
		if b.Node == node {
			return b.Host, b.Port, true
		}
	}
	return "", 0, false
}

// admits returns nil where a connection with this identity, opened with the credential that had this hash, may go
// on, and else why not.
func (s *state) admits(identity Identity, hash string) error {
	key, known := s.credentials[identity.APIKeyID]
	if !known || key.hash != hash {
		return fmt.Errorf("the API key %s was deleted or changed", identity.APIKeyID)
	}
	if _, known := s.tenants[identity.LogicalClusterID]; !known {
		return fmt.Errorf("the Kafka cluster %s was deleted", identity.LogicalClusterID)
	}
	return nil
}

// stateRecord is one record of _orrery_tenants as it was read; a nil value is a tombstone.
type stateRecord struct {
	key   string
	value []byte
}

// with returns the state after more records, in order. A record that cannot be understood changes nothing and is
// returned as an error; what it was about stays as it was.
func (s *state) with(records []stateRecord) (*state, []error) {
	next := &state{
		tenants:     maps.Clone(s.tenants),
		credentials: maps.Clone(s.credentials),
		bindings:    s.bindings,
		policy:      s.policy,
		endpoints:   s.endpoints,
	}
	rebind := slices.ContainsFunc(records, func(r stateRecord) bool {
		return strings.HasPrefix(r.key, tenancy.StateKey(tenancy.StateBinding, ""))
	})
	if rebind {
		next.bindings = maps.Clone(s.bindings)
	}
	var malformed []error
	for _, r := range records {
		if err := next.apply(r); err != nil {
			malformed = append(malformed, fmt.Errorf("state record %q: %w", r.key, err))
		}
	}
	if rebind {
		bindings := make([]authz.Binding, 0, len(next.bindings))
		for _, id := range slices.Sorted(maps.Keys(next.bindings)) {
			bindings = append(bindings, next.bindings[id])
		}
		next.policy = authz.NewPolicy(bindings)
	}
	return next, malformed
}

// apply changes s, which nobody else sees yet.
func (s *state) apply(r stateRecord) error {
	kind, id, err := tenancy.ParseStateKey(r.key)
	if err != nil {
		return err
	}
	var record tenancy.StateRecord
	if r.value != nil {
		if err := json.Unmarshal(r.value, &record); err != nil {
			return err
		}
	}
	deleted := r.value == nil || record.Deleted
	switch kind {
	case tenancy.StateTenant:
		return put(s.tenants, id, deleted, record, parseTenant)
	case tenancy.StateCredential:
		return put(s.credentials, id, deleted, record, parseCredential)
	case tenancy.StateBinding:
		return put(s.bindings, id, deleted, record, parseBinding)
	case tenancy.StateEndpoints:
		endpoints, err := parse[orrery.Endpoints](record)
		if err == nil && !deleted {
			s.endpoints = endpoints
		}
		return err
	default: // of a newer version
		return nil
	}
}

func put[V any](m map[string]V, id string, deleted bool, record tenancy.StateRecord, parse func(string, tenancy.StateRecord) (V, error)) error {
	if deleted {
		delete(m, id)
		return nil
	}
	v, err := parse(id, record)
	if err == nil {
		m[id] = v
	}
	return err
}

func parse[V any](record tenancy.StateRecord) (V, error) {
	var v V
	if len(record.Content) == 0 {
		return v, nil
	}
	err := json.Unmarshal(record.Content, &v)
	return v, err
}

func parseTenant(id string, record tenancy.StateRecord) (tenancy.Tenant, error) {
	tenant, err := parse[tenancy.Tenant](record)
	if err == nil && (tenant.LogicalClusterID != id || tenant.OrganizationID == "" || tenant.EnvironmentID == "") {
		err = fmt.Errorf("the tenant %q of organization %q and environment %q is not complete", tenant.LogicalClusterID, tenant.OrganizationID, tenant.EnvironmentID)
	}
	return tenant, err
}

func parseCredential(id string, record tenancy.StateRecord) (credential, error) {
	key, err := parse[tenancy.Credential](record)
	if err == nil && (key.APIKeyID != id || key.OwnerID == "" || key.OrganizationID == "") {
		err = fmt.Errorf("the credential %q of owner %q and organization %q is not complete", key.APIKeyID, key.OwnerID, key.OrganizationID)
	}
	return credential{key, orrery.Hash(record.Content)}, err
}

func parseBinding(id string, record tenancy.StateRecord) (authz.Binding, error) {
	binding, err := parse[tenancy.Binding](record)
	if err != nil {
		return authz.Binding{}, err
	}
	pattern, err := orrery.ParseCRN(binding.CRNPattern)
	if err != nil {
		return authz.Binding{}, err
	}
	return authz.Binding{ID: id, Principal: binding.Principal, Role: binding.RoleName, Pattern: pattern}, nil
}

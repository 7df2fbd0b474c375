package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// state is what the gateway knows from _orrery_tenants. It never changes: new records make a new one, at a cost that
// other tenants and keys hardly add to.
type state struct {
	tenants     registry[tenancy.Tenant] // by lkc-…
	credentials registry[credential]     // by API key id
	bindings    registry[authz.Binding]  // by rb-…
	// organizations have the bindings on what is theirs; a pattern is always of one organization.
	organizations registry[organization]
	endpoints     orrery.Endpoints
}

// organization is who may do what in one organization.
type organization struct {
	bindings map[string]authz.Binding // by rb-…; never changes
	policy   *authz.Policy            // of bindings; never nil
}

// nobodysPolicy allows nothing.
var nobodysPolicy = authz.NewPolicy(nil)

// tenant returns a logical cluster.
func (s *state) tenant(logicalClusterID string) (tenancy.Tenant, bool) {
	return s.tenants.get(logicalClusterID)
}

// credential returns an API key.
func (s *state) credential(keyID string) (credential, bool) { return s.credentials.get(keyID) }

// policy returns who may do what in an organization. It is another one after each change to that, and only then.
func (s *state) policy(organizationID string) *authz.Policy {
	if o, ok := s.organizations.get(organizationID); ok {
		return o.policy
	}
	return nobodysPolicy
}

// credential is an API key and the hash of its record, which tells whether a connection was opened with this one.
type credential struct {
	tenancy.Credential
	hash string
}

func emptyState() *state { return &state{} }

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
	key, known := s.credential(identity.APIKeyID)
	if !known || key.hash != hash {
		return fmt.Errorf("the API key %s was deleted or changed", identity.APIKeyID)
	}
	if _, known := s.tenant(identity.LogicalClusterID); !known {
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
	next := &edition{
		state: &state{
			tenants:       s.tenants.edition(),
			credentials:   s.credentials.edition(),
			bindings:      s.bindings.edition(),
			organizations: s.organizations.edition(),
			endpoints:     s.endpoints,
		},
		rebound: map[string]map[string]authz.Binding{},
	}
	var malformed []error
	for _, r := range records {
		if err := next.apply(r); err != nil {
			malformed = append(malformed, fmt.Errorf("state record %q: %w", r.key, err))
		}
	}
	next.rebind()
	return next.state, malformed
}

// edition is a state that is being made; nobody else sees it yet.
type edition struct {
	*state
	rebound map[string]map[string]authz.Binding // organizations whose bindings have changed
}

// bindingsOf returns the bindings of an organization, to be changed.
func (e *edition) bindingsOf(organizationID string) map[string]authz.Binding {
	if e.rebound[organizationID] == nil {
		old, _ := e.organizations.get(organizationID)
		if e.rebound[organizationID] = maps.Clone(old.bindings); old.bindings == nil {
			e.rebound[organizationID] = map[string]authz.Binding{}
		}
	}
	return e.rebound[organizationID]
}

// bind takes a binding out of the organization where it was, and puts the one that is now there, if any, into its own.
func (e *edition) bind(id string, before authz.Binding) {
	if before.ID != "" {
		delete(e.bindingsOf(organizationOf(before.Pattern)), id)
	}
	if now, ok := e.bindings.get(id); ok {
		e.bindingsOf(organizationOf(now.Pattern))[id] = now
	}
}

// rebind makes the policies of the organizations whose bindings have changed.
func (e *edition) rebind() {
	for id, bindings := range e.rebound {
		if len(bindings) == 0 {
			e.organizations.remove(id)
			continue
		}
		sorted := make([]authz.Binding, 0, len(bindings))
		for _, binding := range slices.Sorted(maps.Keys(bindings)) {
			sorted = append(sorted, bindings[binding])
		}
		e.organizations.put(id, organization{bindings, authz.NewPolicy(sorted)})
	}
}

// organizationOf returns the organization that a pattern begins with, and "" for one that covers nothing.
func organizationOf(pattern orrery.CRN) string {
	if len(pattern.Elements) == 0 || pattern.Elements[0].Type != orrery.CRNOrganization {
		return ""
	}
	return pattern.Elements[0].Name
}

func (e *edition) apply(r stateRecord) error {
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
		return put(&e.tenants, id, deleted, record, parseTenant)
	case tenancy.StateCredential:
		return put(&e.credentials, id, deleted, record, parseCredential)
	case tenancy.StateBinding:
		before, _ := e.bindings.get(id)
		err := put(&e.bindings, id, deleted, record, parseBinding)
		e.bind(id, before)
		return err
	case tenancy.StateEndpoints:
		endpoints, err := parse[orrery.Endpoints](record)
		if err == nil && !deleted {
			e.endpoints = endpoints
		}
		return err
	default: // of a newer version
		return nil
	}
}

func put[V any](all *registry[V], id string, deleted bool, record tenancy.StateRecord, parse func(string, tenancy.StateRecord) (V, error)) error {
	if deleted {
		all.remove(id)
		return nil
	}
	v, err := parse(id, record)
	if err == nil {
		all.put(id, v)
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

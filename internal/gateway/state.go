package gateway

import (
	"encoding/json"
	"fmt"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// state is what the gateway knows from _orrery_tenants and _orrery_acls. It never changes: new records make a new one,
// at a cost that other tenants and keys hardly add to.
type state struct {
	tenants     registry[tenancy.Tenant] // by lkc-…
	credentials registry[credential]     // by API key id
	bindings    registry[authz.Binding]  // by rb-…
	// organizations have what concerns several of their clusters; a pattern is always of one organization.
	organizations registry[organization]
	accesses      registry[*access]      // by lkc-…
	clientQuotas  registry[clientQuotas] // by lkc-…
	endpoints     orrery.Endpoints
	logins        logins
}

// tenant returns a logical cluster.
func (s *state) tenant(logicalClusterID string) (tenancy.Tenant, bool) {
	return s.tenants.get(logicalClusterID)
}

// credential returns an API key.
func (s *state) credential(keyID string) (credential, bool) { return s.credentials.get(keyID) }

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
	if identity.APIKeyID == "" {
		if now, ok := s.logins.poolHash(identity.PrincipalID); !ok || now != hash {
			return fmt.Errorf("the identity pool %s, or its identity provider or certificate authority, was deleted or changed", identity.PrincipalID)
		}
	} else if key, known := s.credential(identity.APIKeyID); !known || key.hash != hash {
		return fmt.Errorf("the API key %s was deleted or changed", identity.APIKeyID)
	}
	if _, known := s.tenant(identity.LogicalClusterID); !known {
		return fmt.Errorf("the Kafka cluster %s was deleted", identity.LogicalClusterID)
	}
	return nil
}

// stateRecord is one record of a state topic as it was read; a nil value is a tombstone.
type stateRecord struct {
	topic, key string
	value      []byte
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
			accesses:      s.accesses.edition(),
			clientQuotas:  s.clientQuotas.edition(),
			endpoints:     s.endpoints,
			logins:        s.logins.edition(),
		},
		changedOrganizations: map[string]organization{},
		changes:              map[string]*accessChange{},
		changedClientQuotas:  map[string]map[string]quota.Setting{},
	}
	var malformed []error
	for _, r := range records {
		if err := next.apply(r); err != nil {
			malformed = append(malformed, fmt.Errorf("state record %q: %w", r.key, err))
		}
	}
	next.finish()
	next.finishClientQuotas()
	return next.state, malformed
}

// edition is a state that is being made; nobody else sees it yet.
type edition struct {
	*state
	changedOrganizations map[string]organization
	changes              map[string]*accessChange            // by lkc-…
	changedClientQuotas  map[string]map[string]quota.Setting // by lkc-…, then ID
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
	if r.topic == topicACLs {
		return e.applyRule(kind, id, deleted, record)
	}
	switch kind {
	case tenancy.StateTenant:
		before, _ := e.tenants.get(id)
		err := put(&e.tenants, id, deleted, record, parseTenant)
		e.moveTenant(id, before)
		return err
	case tenancy.StateCredential:
		return put(&e.credentials, id, deleted, record, parseCredential)
	case tenancy.StateBinding:
		before, _ := e.bindings.get(id)
		err := put(&e.bindings, id, deleted, record, parseBinding)
		e.moveBinding(id, before)
		return err
	case tenancy.StateEndpoints:
		endpoints, err := parse[orrery.Endpoints](record)
		if err == nil && !deleted {
			e.endpoints = endpoints
		}
		return err
	default:
		return e.logins.apply(kind, id, deleted, record)
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

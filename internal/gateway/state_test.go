package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// record is one of _orrery_tenants as a satellite writes it.
func record(t testing.TB, kind, id string, content any) stateRecord {
	t.Helper()
	encoded, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Hash: orrery.Hash(encoded), Content: encoded})
	if err != nil {
		t.Fatal(err)
	}
	return stateRecord{topicTenants, tenancy.StateKey(kind, id), value}
}

// population is the state of a physical cluster: each tenant has an organization, two keys and a binding.
func population(t testing.TB, tenants int) []stateRecord {
	t.Helper()
	verifiers := orrery.Verifiers{Plain: orrery.PlainVerifier{Salt: make([]byte, 16), Hash: make([]byte, 32)}}
	var records []stateRecord
	for i := range tenants {
		id, organization := fmt.Sprintf("lkc-%06d", i), fmt.Sprintf("org-%06d", i)
		records = append(records,
			record(t, tenancy.StateTenant, id, tenancy.Tenant{LogicalClusterID: id, OrganizationID: organization, EnvironmentID: "env-1"}),
			record(t, tenancy.StateBinding, "rb-"+id, tenancy.Binding{
				RoleBindingID: "rb-" + id, Principal: "User:u-" + id, RoleName: orrery.RoleCloudClusterAdmin,
				CRNPattern: orrery.CloudClusterCRN(organization, "env-1", id).String(),
			}))
		for n := range 2 {
			key := fmt.Sprintf("KEY%013d", 2*i+n)
			records = append(records, record(t, tenancy.StateCredential, key, tenancy.Credential{
				APIKeyID: key, OrganizationID: organization, LogicalClusterID: id, OwnerID: "u-" + id, Verifiers: verifiers,
			}))
		}
	}
	return records
}

// model is what a state should know after some records.
type model struct {
	tenants  map[string]tenancy.Tenant
	owner    map[string]string // of credentials
	bindings map[string]authz.Binding
	acls     map[string]map[string]authz.ACL // by cluster and ID
}

func newModel() model {
	return model{map[string]tenancy.Tenant{}, map[string]string{}, map[string]authz.Binding{}, map[string]map[string]authz.ACL{}}
}

func (m model) clone() model {
	c := model{maps.Clone(m.tenants), maps.Clone(m.owner), maps.Clone(m.bindings), map[string]map[string]authz.ACL{}}
	for id, acls := range m.acls {
		c.acls[id] = maps.Clone(acls)
	}
	return c
}

// authorizer makes one of all that there is, for a cluster that is there.
func (m model) authorizer(tenant tenancy.Tenant) *authz.Authorizer {
	return authz.NewAuthorizer(orrery.CloudClusterCRN(tenant.OrganizationID, tenant.EnvironmentID, tenant.LogicalClusterID)).With(authz.Changes{
		AddACLs: slices.Collect(maps.Values(m.acls[tenant.LogicalClusterID])), PutBindings: slices.Collect(maps.Values(m.bindings)),
	})
}

const (
	modelClusters = 6
	modelIDs      = 12
)

func (m model) check(t *testing.T, s *state) {
	t.Helper()
	if s.tenants.size != len(m.tenants) || s.credentials.size != len(m.owner) || s.bindings.size != len(m.bindings) {
		t.Fatalf("%d tenants, %d credentials and %d bindings instead of %d, %d and %d",
			s.tenants.size, s.credentials.size, s.bindings.size, len(m.tenants), len(m.owner), len(m.bindings))
	}
	for i := range modelIDs {
		key, known := s.credential(fmt.Sprint(i))
		if want, ok := m.owner[fmt.Sprint(i)]; ok != known || key.OwnerID != want {
			t.Fatalf("credential %d: %+v, %v; want owner %q", i, key, known, want)
		}
	}
	for i := range modelClusters {
		id := fmt.Sprint("lkc-", i)
		tenant, known := s.tenant(id)
		if want, ok := m.tenants[id]; ok != known || tenant != want {
			t.Fatalf("tenant %s: %+v, %v; want %+v", id, tenant, known, want)
		}
		for aclID, acl := range m.acls[id] {
			if got, ok := s.acls(id).get(aclID); !ok || got != acl || s.acls(id).size != len(m.acls[id]) {
				t.Fatalf("%d ACLs of %s, and not %v", s.acls(id).size, id, acl)
			}
		}
		if !known && s.authorizer(id) != nobodys {
			t.Fatalf("%s is not known and somebody may do something in it", id)
		}
		if known {
			sameAnswers(t, s.authorizer(id), m.authorizer(tenant))
		}
	}
}

func sameAnswers(t *testing.T, got, want *authz.Authorizer) {
	t.Helper()
	all := authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny}
	if a, b := got.ACLs(all), want.ACLs(all); !slices.Equal(a, b) {
		t.Fatalf("the ACLs are %v; want %v", a, b)
	}
	for i := range modelIDs {
		for _, topic := range []string{"orders", "audit"} {
			principal := fmt.Sprint("User:u-", i)
			if a, b := got.Operations(principal, "127.0.0.1", authz.ResourceTopic, topic), want.Operations(principal, "127.0.0.1", authz.ResourceTopic, topic); a != b {
				t.Fatalf("%s may do %b to %s; want %b", principal, a, topic, b)
			}
		}
	}
}

// change makes one random change to a model and returns its record, and which clusters it concerns.
func (m model) change(t *testing.T, random *rand.Rand) (r stateRecord, concerned []string) {
	id, organization, cluster := fmt.Sprint(random.IntN(modelIDs)), fmt.Sprint("o", 1+random.IntN(2)), fmt.Sprint("lkc-", random.IntN(modelClusters))
	environment, gone := fmt.Sprint("e", 1+random.IntN(2)), random.IntN(3) == 0
	switch random.IntN(4) {
	case 0:
		tenant := tenancy.Tenant{LogicalClusterID: cluster, OrganizationID: organization, EnvironmentID: environment}
		return putOrDelete(t, tenancy.StateTenant, cluster, tenant, m.tenants, tenant, gone), []string{cluster}
	case 1:
		key := tenancy.Credential{APIKeyID: id, OrganizationID: organization, OwnerID: "u-of-" + organization}
		return putOrDelete(t, tenancy.StateCredential, id, key, m.owner, key.OwnerID, gone), nil
	case 2:
		b := authz.Binding{ID: id, Principal: "User:u-" + id}
		c := orrery.CloudClusterCRN(organization, environment, cluster)
		switch random.IntN(4) {
		case 0:
			b.Role, b.Pattern = orrery.RoleOrganizationAdmin, orrery.OrganizationCRN(organization)
		case 1:
			b.Role, b.Pattern = orrery.RoleEnvironmentAdmin, orrery.EnvironmentCRN(organization, environment)
		case 2:
			b.Role, b.Pattern = orrery.RoleCloudClusterAdmin, c
		default:
			b.Role, b.Pattern = orrery.RoleDeveloperRead, c.With(orrery.CRNKafka, cluster).With(orrery.CRNTopic, "or*")
		}
		for _, tenant := range m.tenants {
			of := orrery.CloudClusterCRN(tenant.OrganizationID, tenant.EnvironmentID, tenant.LogicalClusterID)
			if before, ok := m.bindings[id]; authz.Reaches(b.Pattern, of) || ok && authz.Reaches(before.Pattern, of) {
				concerned = append(concerned, tenant.LogicalClusterID)
			}
		}
		content := tenancy.Binding{RoleBindingID: id, Principal: b.Principal, RoleName: b.Role, CRNPattern: b.Pattern.String()}
		return putOrDelete(t, tenancy.StateBinding, id, content, m.bindings, b, gone), concerned
	}
	acl := authz.ACL{
		ResourceType: authz.ResourceTopic, ResourceName: "orders", PatternType: authz.PatternLiteral, Principal: "User:u-" + id, Host: "*",
		Operation: authz.OperationRead, Permission: authz.PermissionAllow + authz.Permission(-random.IntN(2)),
	}
	if m.acls[cluster] == nil {
		m.acls[cluster] = map[string]authz.ACL{}
	}
	r = putOrDelete(t, tenancy.StateACL, cluster+"/"+acl.ID(), acl, map[string]authz.ACL{}, acl, gone)
	r.topic = topicACLs
	set(m.acls[cluster], acl.ID(), acl, !gone)
	return r, []string{cluster}
}

func putOrDelete[V any](t *testing.T, kind, id string, content any, known map[string]V, value V, gone bool) stateRecord {
	if gone {
		delete(known, id)
		return stateRecord{topic: topicTenants, key: tenancy.StateKey(kind, id)}
	}
	known[id] = value
	return record(t, kind, id, content)
}

// Every state stays what it was, whatever comes after it and in which order, and who may do what in a cluster changes
// with what concerns that cluster only.
func TestStates(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	current, now := emptyState(), newModel()
	var states []*state
	var models []model
	for range 1000 {
		var records []stateRecord
		touched := map[string]bool{}
		for range 1 + random.IntN(5) {
			r, concerned := now.change(t, random)
			records = append(records, r)
			for _, id := range concerned {
				touched[id] = true
			}
		}
		next, malformed := current.with(records)
		if len(malformed) > 0 {
			t.Fatal(malformed)
		}
		for i := range modelClusters {
			if id := fmt.Sprint("lkc-", i); next.authorizer(id) != current.authorizer(id) && !touched[id] {
				t.Fatalf("who may do what in %s changed with what concerns %v", id, slices.Collect(maps.Keys(touched)))
			}
		}
		current = next
		states, models = append(states, current), append(models, now.clone())
	}
	for i := range states {
		models[i].check(t, states[i])
	}
}

// What cannot be understood, or comes by the wrong topic, changes nothing.
func TestMalformedACLs(t *testing.T) {
	acl := authz.ACL{ResourceType: authz.ResourceTopic, ResourceName: "orders", PatternType: authz.PatternLiteral, Principal: "User:sa-1", Host: "*", Operation: authz.OperationRead, Permission: authz.PermissionDeny}
	good := record(t, tenancy.StateACL, "lkc-1/"+acl.ID(), acl)
	good.topic = topicACLs
	full, malformed := emptyState().with([]stateRecord{record(t, tenancy.StateTenant, "lkc-1", tenancy.Tenant{LogicalClusterID: "lkc-1", OrganizationID: "o", EnvironmentID: "e"}), good})
	if len(malformed) > 0 || full.authorizer("lkc-1").Len() != 1 {
		t.Fatal(malformed)
	}
	other, invalid := acl, acl
	other.Principal, invalid.ResourceName = "User:sa-2", ""
	for name, r := range map[string]stateRecord{
		"no JSON":                         {topicACLs, good.key, []byte("{")},
		"another ACL":                     {topicACLs, good.key, record(t, "", "", other).value},
		"an invalid ACL":                  {topicACLs, tenancy.StateKey(tenancy.StateACL, "lkc-1/"+invalid.ID()), record(t, "", "", invalid).value},
		"no content":                      {topicACLs, good.key, []byte("{}")},
		"an operation of a later version": {topicACLs, good.key, []byte(`{"content":{"operation":"DREAM"}}`)},
		"no ID":                           {topicACLs, "acl/lkc-1", nil},
		"no kind":                         {topicACLs, "lkc-1", nil},
	} {
		next, malformed := full.with([]stateRecord{r})
		if len(malformed) != 1 || next.authorizer("lkc-1") != full.authorizer("lkc-1") {
			t.Errorf("%s: %v", name, malformed)
		}
	}
	for name, r := range map[string]stateRecord{
		"a tenant in the topic of ACLs":  {topicACLs, tenancy.StateKey(tenancy.StateTenant, "lkc-1"), nil},
		"an ACL in the topic of tenants": {topicTenants, good.key, nil},
	} {
		next, _ := full.with([]stateRecord{r})
		if _, known := next.tenant("lkc-1"); !known || next.authorizer("lkc-1") != full.authorizer("lkc-1") {
			t.Errorf("%s counts", name)
		}
	}
}

// BenchmarkState is the whole state at once, as at a start, and then one record after another, by how many tenants
// there are.
func BenchmarkState(b *testing.B) {
	for _, tenants := range []int{100, 10_000} {
		records := population(b, tenants)
		full, malformed := emptyState().with(records)
		if len(malformed) > 0 {
			b.Fatal(malformed)
		}
		b.Run(fmt.Sprint("all of ", tenants, " tenants"), func(b *testing.B) {
			for b.Loop() {
				emptyState().with(records)
			}
		})
		for n, kind := range []string{tenancy.StateTenant, tenancy.StateBinding, tenancy.StateCredential} {
			b.Run(fmt.Sprint("one ", kind, " of ", tenants), func(b *testing.B) {
				for b.Loop() {
					full.with(records[n : n+1])
				}
			})
		}
	}
}

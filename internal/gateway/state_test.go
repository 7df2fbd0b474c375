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
	return stateRecord{tenancy.StateKey(kind, id), value}
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
	organization map[string]string // of tenants
	owner        map[string]string // of credentials
	bound        map[string]string // rb-… -> the organization that it lets u-RB administrate
}

func (m model) clone() model {
	return model{maps.Clone(m.organization), maps.Clone(m.owner), maps.Clone(m.bound)}
}

func (m model) check(t *testing.T, s *state) {
	t.Helper()
	if s.tenants.size != len(m.organization) || s.credentials.size != len(m.owner) || s.bindings.size != len(m.bound) {
		t.Fatalf("%d tenants, %d credentials and %d bindings instead of %d, %d and %d",
			s.tenants.size, s.credentials.size, s.bindings.size, len(m.organization), len(m.owner), len(m.bound))
	}
	for i := range 40 {
		id := fmt.Sprint(i)
		tenant, known := s.tenant(id)
		if want, ok := m.organization[id]; ok != known || tenant.OrganizationID != want {
			t.Fatalf("tenant %s: %+v, %v; want organization %q", id, tenant, known, want)
		}
		key, known := s.credential(id)
		if want, ok := m.owner[id]; ok != known || key.OwnerID != want {
			t.Fatalf("credential %s: %+v, %v; want owner %q", id, key, known, want)
		}
		for _, organization := range []string{"o1", "o2", "o3"} {
			decision := s.policy(organization).Decide("User:u-"+id, authz.Describe, orrery.KafkaCRN(organization, "e", "lkc-1"))
			if want := m.bound[id] == organization; decision.Allowed != want {
				t.Fatalf("u-%s in %s: %+v, want %v", id, organization, decision, want)
			}
		}
	}
}

// Every state stays what it was, whatever comes after it, and an organization's policy changes with its bindings only.
func TestStates(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	current, now := emptyState(), model{map[string]string{}, map[string]string{}, map[string]string{}}
	var states []*state
	var models []model
	for range 200 {
		var records []stateRecord
		touched := map[string]bool{}
		for range 1 + random.IntN(5) {
			id, organization := fmt.Sprint(random.IntN(40)), fmt.Sprint("o", 1+random.IntN(3))
			gone := random.IntN(3) == 0
			var kind string
			var content any
			var known map[string]string
			value := organization
			switch random.IntN(3) {
			case 0:
				kind, known = tenancy.StateTenant, now.organization
				content = tenancy.Tenant{LogicalClusterID: id, OrganizationID: organization, EnvironmentID: "e"}
			case 1:
				kind, known, value = tenancy.StateCredential, now.owner, "u-of-"+organization
				content = tenancy.Credential{APIKeyID: id, OrganizationID: organization, OwnerID: value}
			default:
				kind, known = tenancy.StateBinding, now.bound
				content = tenancy.Binding{RoleBindingID: id, Principal: "User:u-" + id, RoleName: orrery.RoleOrganizationAdmin, CRNPattern: orrery.OrganizationCRN(organization).String()}
				touched[now.bound[id]], touched[organization] = true, true
			}
			if gone {
				delete(known, id)
				records = append(records, stateRecord{key: tenancy.StateKey(kind, id)})
			} else {
				known[id] = value
				records = append(records, record(t, kind, id, content))
			}
		}
		next, malformed := current.with(records)
		if len(malformed) > 0 {
			t.Fatal(malformed)
		}
		for _, organization := range []string{"o1", "o2", "o3"} {
			if next.policy(organization) != current.policy(organization) && !touched[organization] {
				t.Fatalf("the policy of %s changed with bindings of %v", organization, slices.Collect(maps.Keys(touched)))
			}
		}
		current = next
		states, models = append(states, current), append(models, now.clone())
	}
	for i := range states {
		models[i].check(t, states[i])
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

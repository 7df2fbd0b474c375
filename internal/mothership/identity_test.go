package mothership_test

import (
	"encoding/json"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

var providerInput = mothership.IdentityProviderInput{DisplayName: "idp", Issuer: "https://idp.example", JWKSURI: "https://idp.example/keys", Audiences: []string{"kafka"}}

func (p *platform) identityProvider() mothership.IdentityProvider {
	p.Helper()
	provider, err := p.m.CreateIdentityProvider(p.Context(), p.admin, providerInput)
	p.ok(err)
	return provider
}

func (p *platform) identityPool(providerID string) orrery.IdentityPool {
	p.Helper()
	pool, err := p.m.CreateIdentityPool(p.Context(), p.admin, mothership.PoolOwner{ID: providerID}, mothership.IdentityPoolInput{DisplayName: "apps", IdentityClaim: "claims.sub", Filter: `claims.group == "eng"`})
	p.ok(err)
	return pool
}

// TestIdentityReachesTheClusters: providers and pools go where their organization has a cluster, before and after it is
// made, change there, and go away with the deletion.
func TestIdentityReachesTheClusters(t *testing.T) {
	for name, f := range map[string]fixture{"memory": {}, "sqlite": {sqlite: true}} {
		t.Run(name, func(t *testing.T) {
			p := start(t, f)
			provider := p.identityProvider()
			if provider.State.Phase != orrery.PhaseUsable {
				t.Fatalf("without a cluster there is nobody to wait for: %+v", provider.State)
			}
			c := p.usableCluster("orders", orrery.TypeBasic)
			pool := p.identityPool(provider.ID)
			binding, err := p.m.CreateRoleBinding(t.Context(), p.admin, mothership.RoleBindingInput{Principal: orrery.Principal(pool.ID), RoleName: orrery.RoleCloudClusterAdmin, CRNPattern: c.CRN().String()})
			p.ok(err)
			p.settle()
			onProvider, onPool := "identity-provider/"+c.PhysicalClusterID+"/"+provider.ID, "identity-pool/"+c.PhysicalClusterID+"/"+pool.ID
			var gotProvider tenancy.IdentityProvider
			p.ok(json.Unmarshal(p.satellite.known[onProvider].Content, &gotProvider))
			if gotProvider.Issuer != providerInput.Issuer || gotProvider.JWKSURI != providerInput.JWKSURI || gotProvider.OrganizationID != c.OrganizationID || len(gotProvider.Audiences) != 1 {
				t.Errorf("%+v", gotProvider)
			}
			want := tenancy.IdentityPool{PhysicalClusterID: c.PhysicalClusterID, IdentityPoolID: pool.ID, IdentityProviderID: provider.ID, OrganizationID: c.OrganizationID,
				IdentityClaim: "claims.sub", Filter: `claims.group == "eng"`}
			var got tenancy.IdentityPool
			p.ok(json.Unmarshal(p.satellite.known[onPool].Content, &got))
			if got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			filter := "true"
			_, err = p.m.UpdateIdentityPool(t.Context(), p.admin, mothership.PoolOwner{ID: provider.ID}, pool.ID, mothership.IdentityPoolChange{Filter: &filter})
			p.ok(err)
			if reason, err := p.m.IdentityPoolAwaits(t.Context(), pool.ID); err != nil || reason == "" {
				t.Errorf("a change that was not sent waits for %q, %v", reason, err)
			}
			p.settle()
			if reason, err := p.m.IdentityPoolAwaits(t.Context(), pool.ID); err != nil || reason != "" {
				t.Errorf("a change that is applied waits for %q, %v", reason, err)
			}
			if reason, err := p.m.IdentityProviderAwaits(t.Context(), provider.ID); err != nil || reason != "" {
				t.Errorf("the provider waits for %q, %v", reason, err)
			}
			message := p.satellite.known[onPool]
			p.ok(json.Unmarshal(message.Content, &got))
			if got.Filter != "true" || message.Generation.Number != 2 {
				t.Errorf("%+v in %s", got, message.Generation)
			}

			_, err = p.m.DeleteIdentityProvider(t.Context(), p.admin, provider.ID)
			p.fails(err, orrery.Conflict)
			_, err = p.m.DeleteIdentityPool(t.Context(), p.admin, mothership.PoolOwner{ID: provider.ID}, pool.ID)
			p.ok(err)
			_, err = p.m.DeleteIdentityProvider(t.Context(), p.admin, provider.ID)
			p.ok(err)
			p.settle()
			for _, key := range []string{onProvider, onPool, "binding/" + c.PhysicalClusterID + "/" + binding.ID} {
				if _, left := p.satellite.known[key]; left {
					t.Errorf("%s is left", key)
				}
			}
			for what, state := range map[string]func() (orrery.Lifecycle, error){
				"provider": func() (orrery.Lifecycle, error) { return p.m.IdentityProviderState(t.Context(), provider.ID) },
				"pool":     func() (orrery.Lifecycle, error) { return p.m.IdentityPoolState(t.Context(), pool.ID) },
				"binding":  func() (orrery.Lifecycle, error) { return p.m.RoleBindingState(t.Context(), binding.ID) },
			} {
				if state, err := state(); orrery.ErrorCode(err) != orrery.NotFound {
					t.Errorf("the %s is %+v, %v", what, state, err)
				}
			}
		})
	}
}

// TestIdentityIsWithdrawn: what does not come into force in time is taken back.
func TestIdentityIsWithdrawn(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	p.satellite.unready["identity-provider"] = "gateway 2 does not answer"
	provider := p.identityProvider()
	p.settle()
	if state, err := p.m.IdentityProviderState(t.Context(), provider.ID); err != nil || state.Phase != orrery.PhasePending || state.Reason == "" {
		t.Fatalf("%+v, %v", state, err)
	}
	p.clock = provider.State.Deadline
	p.settle()
	if state, err := p.m.IdentityProviderState(t.Context(), provider.ID); err != nil || !state.Withdrawn {
		t.Fatalf("%+v, %v", state, err)
	}
	if message := p.satellite.known["identity-provider/"+c.PhysicalClusterID+"/"+provider.ID]; !message.Deleted {
		t.Fatalf("the satellite still has it: %+v", message)
	}
}

// TestKeysAreShown: what a satellite says about keys is seen with the provider; bad news wins.
func TestKeysAreShown(t *testing.T) {
	p := start(t, fixture{})
	small, big := p.usableCluster("small", orrery.TypeBasic), p.usableCluster("big", orrery.TypeDedicated)
	provider := p.identityProvider()
	p.settle()
	say := func(pscID string, status orrery.ConditionStatus, message string) {
		t.Helper()
		id := pscID + "/" + provider.ID
		generation := p.satellite.known["identity-provider/"+id].Generation
		p.report(orrery.DesiredIdentityProvider, id, generation, orrery.Status{Generation: generation, Applied: true, KeySet: &orrery.KeySetStatus{
			Keys:    []orrery.PublicKey{{KeyType: "RSA", KeyID: "k1", Algorithm: "RS256"}},
			Fetched: orrery.Condition{Type: orrery.ConditionKeysFetched, Status: status, Reason: "Test", Message: message, Since: p.clock},
		}})
		p.settle()
	}
	fetched := func() *orrery.KeySetStatus {
		t.Helper()
		v, err := p.m.IdentityProvider(t.Context(), p.admin, provider.ID)
		p.ok(err)
		return v.KeySet
	}
	if set := fetched(); set != nil {
		t.Fatalf("%+v", set)
	}
	say(small.PhysicalClusterID, orrery.True, "")
	if set := fetched(); set == nil || set.Fetched.Status != orrery.True || set.Keys[0].KeyID != "k1" {
		t.Fatalf("%+v", set)
	}
	say(big.PhysicalClusterID, orrery.False, "the server answers 500")
	if set := fetched(); set == nil || set.Fetched.Message != "the server answers 500" {
		t.Fatalf("%+v", set)
	}
}

// TestIdentityLimitsAndNames: names are taken once, limits are named, and no other organization's pool gets a role.
func TestIdentityLimitsAndNames(t *testing.T) {
	limits := mothership.DefaultLimits()
	limits.IdentityProvidersPerOrganization, limits.IdentityPoolsPerProvider = 1, 1
	p := start(t, fixture{limits: limits})
	provider := p.identityProvider()
	_, err := p.m.CreateIdentityProvider(t.Context(), p.admin, providerInput)
	p.fails(err, orrery.Conflict)
	other := providerInput
	other.DisplayName = "other"
	_, err = p.m.CreateIdentityProvider(t.Context(), p.admin, other)
	p.fails(err, orrery.LimitExceeded)
	pool := p.identityPool(provider.ID)
	in := mothership.IdentityPoolInput{DisplayName: "apps", IdentityClaim: "sub", Filter: "true"}
	_, err = p.m.CreateIdentityPool(t.Context(), p.admin, mothership.PoolOwner{ID: provider.ID}, in)
	p.fails(err, orrery.Conflict)
	in.DisplayName = "more"
	_, err = p.m.CreateIdentityPool(t.Context(), p.admin, mothership.PoolOwner{ID: provider.ID}, in)
	p.fails(err, orrery.LimitExceeded)

	stranger := p.stranger()
	bind := mothership.RoleBindingInput{Principal: orrery.Principal(pool.ID), RoleName: orrery.RoleOrganizationAdmin, CRNPattern: orrery.OrganizationCRN(stranger.OrganizationID).String()}
	_, err = p.m.CreateRoleBinding(t.Context(), stranger, bind)
	p.fails(err, orrery.Invalid)
	_, _, err = p.m.CreateAPIKey(t.Context(), p.admin, mothership.APIKeyInput{OwnerID: pool.ID})
	p.fails(err, orrery.Invalid)
}

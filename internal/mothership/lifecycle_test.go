package mothership_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// TestClusterFromRequestToUse: what a cluster becomes, and what goes over the link for it.
func TestClusterFromRequestToUse(t *testing.T) {
	for name, f := range map[string]fixture{"memory": {}, "sqlite": {sqlite: true}} {
		t.Run(name, func(t *testing.T) {
			p := start(t, f)
			asked := p.cluster("orders", orrery.TypeBasic)
			if asked.State.Phase != orrery.PhasePending || asked.Cloud != "AWS" {
				t.Fatalf("asked for: %+v", asked)
			}
			p.settle()
			c, err := p.m.Cluster(t.Context(), p.admin, p.first.Environment.ID, asked.ID)
			p.ok(err)
			if c.State.Phase != orrery.PhaseUsable || c.Endpoints.Bootstrap == "" || c.Quotas.Partitions != 1500 || c.Ready.Status != orrery.True {
				t.Fatalf("provisioned: %+v", c)
			}
			var tenant tenancy.Tenant
			p.ok(json.Unmarshal(p.satellite.known["tenant/"+c.ID].Content, &tenant))
			want := tenancy.Tenant{
				PhysicalClusterID: c.PhysicalClusterID, LogicalClusterID: c.ID, OrganizationID: c.OrganizationID, EnvironmentID: c.EnvironmentID,
				Type: orrery.TypeBasic, MaxPartitions: 1500, Quotas: c.Quotas, ReplicationFactor: 3,
			}
			if tenant != want {
				t.Errorf("tenant %+v, want %+v", tenant, want)
			}
			for _, key := range []string{"psc/" + c.PhysicalClusterID, "credential/" + c.PhysicalClusterID + "/" + adminKey} {
				if _, ok := p.satellite.known[key]; !ok {
					t.Errorf("the satellite does not know %s, only %v", key, sortedKeys(p.satellite.known))
				}
			}
			psc, err := p.m.PhysicalCluster(t.Context(), p.admin, c.PhysicalClusterID)
			p.ok(err)
			if psc.Spec.Brokers != 3 || psc.LogicalClusters != 1 || !psc.Desired.InForce() || psc.Generation != psc.Desired.Generation || psc.Provenance["/brokers"] == "" {
				t.Errorf("psc %+v", psc)
			}
		})
	}
}

// TestClusterWaitsForItsOrganization: PROVISIONED needs the physical cluster, the tenant, the Cloud keys and the
// role bindings, and says for which one it waits.
func TestClusterWaitsForItsOrganization(t *testing.T) {
	p := start(t, fixture{})
	p.satellite.unready["psc"] = "broker 1 is starting"
	for _, kind := range []string{"tenant", "credential", "binding"} {
		p.satellite.unready[kind] = "gateway 2 has not applied it"
	}
	c := p.cluster("orders", orrery.TypeBasic)
	for _, kind := range []string{"psc", "tenant", "credential", "binding"} {
		p.settle()
		state := p.clusterState(c.ID)
		if state.Phase != orrery.PhasePending || !strings.Contains(state.Reason, p.satellite.unready[kind]) || !strings.Contains(state.Reason, "waiting for pkc-") && kind != "tenant" {
			t.Fatalf("waiting for the %s: %+v", kind, state)
		}
		delete(p.satellite.unready, kind)
	}
	p.settle()
	if state := p.clusterState(c.ID); state.Phase != orrery.PhaseUsable || state.Reason != "" {
		t.Fatalf("%+v", state)
	}
	p.satellite.unready["psc"] = "broker 2 is stopped" // does not take PROVISIONED back, and is seen
	p.settle()
	v, err := p.m.Cluster(t.Context(), p.admin, "", c.ID)
	p.ok(err)
	if v.State.Phase != orrery.PhaseUsable || v.Ready.Message != "broker 2 is stopped" || v.Endpoints.Bootstrap == "" {
		t.Fatalf("%+v", v)
	}
}

func TestNoSatelliteServes(t *testing.T) {
	p := start(t, fixture{bare: true})
	c := p.cluster("orders", orrery.TypeBasic)
	p.settle()
	if state := p.clusterState(c.ID); state.Reason != "waiting for placement: no satellite serves AWS/us-east-1" {
		t.Fatalf("%+v", state)
	}
	p.register("AWS", "eu-west-1", 100)
	p.settle()
	p.clock = p.clock.Add(time.Hour)
	if state := p.clusterState(c.ID); state.Phase != orrery.PhasePending {
		t.Fatalf("%+v", state)
	}
	p.clock = p.clock.Add(time.Second)
	p.register("AWS", "us-east-1", 2)
	p.settle()
	if state := p.clusterState(c.ID); !strings.Contains(state.Reason, "has no room") {
		t.Fatalf("%+v", state)
	}
	p.clock = p.clock.Add(time.Second)
	p.register("AWS", "us-east-1", 3)
	p.settle()
	if state := p.clusterState(c.ID); state.Phase != orrery.PhaseUsable {
		t.Fatalf("%+v", state)
	}
}

func TestKeyIsUsableOnceApplied(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	p.satellite.unready["credential"] = "waiting for gateway 2"
	key := p.key(mothership.APIKeyInput{ResourceID: c.ID})
	if key.State.Phase != orrery.PhasePending || !key.State.Deadline.Equal(p.clock.Add(10*time.Second)) {
		t.Fatalf("created: %+v", key.State)
	}
	p.settle()
	if state := p.keyState(key.ID); state.Phase != orrery.PhasePending || !strings.Contains(state.Reason, "waiting for gateway 2") {
		t.Fatalf("waiting: %+v", state)
	}
	delete(p.satellite.unready, "credential")
	p.settle()
	if state := p.keyState(key.ID); state.Phase != orrery.PhaseUsable {
		t.Fatalf("applied: %+v", state)
	}
}

// TestCreationIsWithdrawn: past its deadline a key or binding is taken back, everywhere.
func TestCreationIsWithdrawn(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	account := p.serviceAccount("app", "", orrery.CRN{})
	p.satellite.unready["credential"], p.satellite.unready["binding"] = "gateway 2 does not answer", "gateway 2 does not answer"
	key := p.key(mothership.APIKeyInput{ResourceID: c.ID})
	binding, err := p.m.CreateRoleBinding(t.Context(), p.admin, mothership.RoleBindingInput{
		Principal: orrery.Principal(account.PrincipalID), RoleName: orrery.RoleCloudClusterAdmin, CRNPattern: c.CRN().String(),
	})
	p.ok(err)
	p.settle()
	p.clock = p.clock.Add(10*time.Second - 1)
	p.settle()
	if state := p.keyState(key.ID); state.Phase != orrery.PhasePending {
		t.Fatalf("before the deadline: %+v", state)
	}
	p.clock = p.clock.Add(1)
	p.settle()
	bindingState, err := p.m.RoleBindingState(t.Context(), binding.ID)
	p.ok(err)
	for _, state := range []orrery.Lifecycle{p.keyState(key.ID), bindingState} {
		if state.Phase != orrery.PhaseDeleting || !state.Withdrawn || state.Applied {
			t.Fatalf("past the deadline: %+v", state)
		}
	}
	if message := p.satellite.known["credential/"+c.PhysicalClusterID+"/"+key.ID]; !message.Deleted || message.Generation.Number != 2 {
		t.Fatalf("on the link: %+v", message)
	}
	_, err = p.m.APIKey(t.Context(), p.admin, key.ID)
	p.fails(err, orrery.NotFound)
	p.satellite.unready = map[string]string{}
	p.settle()
	_, err = p.m.APIKeyState(t.Context(), key.ID)
	p.fails(err, orrery.NotFound)
	_, err = p.m.RoleBindingState(t.Context(), binding.ID)
	p.fails(err, orrery.NotFound)
	if _, ok := p.satellite.known["credential/"+c.PhysicalClusterID+"/"+key.ID]; ok {
		t.Fatal("no tombstone came")
	}
	if p.step() {
		t.Fatal("not quiet")
	}
}

// TestDeletionIsNeverWithdrawn, and passes through Applied on its way out.
func TestDeletionIsNeverWithdrawn(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	key := p.key(mothership.APIKeyInput{ResourceID: c.ID})
	p.settle()
	p.satellite.unready["credential"] = "gateway 2 does not answer"
	state, err := p.m.DeleteAPIKey(t.Context(), p.admin, key.ID)
	p.ok(err)
	if state.Phase != orrery.PhaseDeleting || state.Applied {
		t.Fatalf("deleted: %+v", state)
	}
	for range 3 {
		p.clock = p.clock.Add(time.Hour)
		p.settle()
		if state, err = p.m.DeleteAPIKey(t.Context(), p.admin, key.ID); err != nil || state.Phase != orrery.PhaseDeleting || state.Applied || !strings.Contains(state.Reason, "gateway 2") {
			t.Fatalf("again: %+v, %v", state, err)
		}
	}
	delete(p.satellite.unready, "credential")
	p.satellite.keep["credential"] = true
	p.settle()
	if state, err = p.m.DeleteAPIKey(t.Context(), p.admin, key.ID); err != nil || !state.Applied {
		t.Fatalf("applied: %+v, %v", state, err)
	}
	p.satellite.keep["credential"] = false
	p.settle()
	_, err = p.m.DeleteAPIKey(t.Context(), p.admin, key.ID)
	p.fails(err, orrery.NotFound)
}

// TestLateStatus: what is said about an older generation, or by another satellite, or about what is not known,
// changes nothing.
func TestLateStatus(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	key := p.key(mothership.APIKeyInput{ResourceID: c.ID})
	p.settle()
	p.satellite.mute = true
	_, err := p.m.DeleteAPIKey(t.Context(), p.admin, key.ID)
	p.ok(err)
	p.settle()
	id := c.PhysicalClusterID + "/" + key.ID
	before, _ := p.desired("credential/" + id)
	p.report("credential", id, orrery.Generation{Term: 1, Number: 1}, orrery.Status{Generation: orrery.Generation{Term: 1, Number: 1}, Applied: true, Gone: true})
	p.report("credential", id, orrery.Generation{Term: 1, Number: 9}, orrery.Status{Generation: orrery.Generation{Term: 1, Number: 9}, Applied: true, Gone: true})
	p.report("tenant", "lkc-unknwn", orrery.Generation{Term: 1, Number: 1}, orrery.Status{Generation: orrery.Generation{Term: 1, Number: 1}, Applied: true})
	updates := p.store.updates.Load()
	p.settle()
	if after, _ := p.desired("credential/" + id); after.Applied || after.Gone || after.Observed != before.Observed {
		t.Fatalf("a late status counted: %+v", after)
	}
	if p.store.updates.Load() != updates {
		t.Fatal("a status without news was written")
	}
	if p.keyState(key.ID).Applied {
		t.Fatal("the deletion counts as applied")
	}
	p.satellite.mute = false
	p.settle()
	_, err = p.m.APIKeyState(t.Context(), key.ID)
	p.fails(err, orrery.NotFound)
}

// TestSecondLife: a record that comes back after it was gone has a later generation than in its first life.
func TestSecondLife(t *testing.T) {
	p := start(t, fixture{})
	first := p.usableCluster("one", orrery.TypeBasic)
	key := "credential/" + first.PhysicalClusterID + "/" + adminKey
	before := p.satellite.known[key].Generation
	_, err := p.m.DeleteCluster(t.Context(), p.admin, "", first.ID)
	p.ok(err)
	p.settle()
	if _, ok := p.satellite.known[key]; ok {
		t.Fatal("the Cloud key is still on a physical cluster that its organization left")
	}
	second := p.usableCluster("two", orrery.TypeBasic)
	if second.PhysicalClusterID != first.PhysicalClusterID {
		t.Fatalf("a second physical cluster was made: %s, %s", first.PhysicalClusterID, second.PhysicalClusterID)
	}
	if after := p.satellite.known[key].Generation; after.Compare(before.Next(1)) <= 0 {
		t.Fatalf("generation %s after %s and its deletion", after, before)
	}
}

// TestCloudKeyFollowsTheOrganization: usable at once without clusters, and later on each physical cluster.
func TestCloudKeyFollowsTheOrganization(t *testing.T) {
	p := start(t, fixture{})
	key := p.key(mothership.APIKeyInput{})
	if key.State.Phase != orrery.PhaseUsable {
		t.Fatalf("without clusters: %+v", key.State)
	}
	p.satellite.unready["psc"] = "broker 0 is starting"
	c := p.cluster("orders", orrery.TypeDedicated)
	p.settle()
	other := p.key(mothership.APIKeyInput{ResourceID: "Cloud"})
	if other.State.Phase != orrery.PhaseUsable {
		t.Fatalf("beside a cluster that is being made: %+v", other.State)
	}
	p.satellite.unready = map[string]string{"credential": "gateway 0 is behind"}
	p.settle()
	if state := p.clusterState(c.ID); state.Phase != orrery.PhasePending {
		t.Fatalf("usable without its Cloud keys: %+v", state)
	}
	p.satellite.unready = map[string]string{}
	p.settle()
	placed := p.clusterState(c.ID)
	if placed.Phase != orrery.PhaseUsable {
		t.Fatalf("%+v", placed)
	}
	v, err := p.m.Cluster(t.Context(), p.admin, "", c.ID)
	p.ok(err)
	for _, id := range []string{adminKey, key.ID, other.ID} {
		if _, ok := p.satellite.known["credential/"+v.PhysicalClusterID+"/"+id]; !ok {
			t.Errorf("%s is not on %s", id, v.PhysicalClusterID)
		}
	}
	p.satellite.mute = true
	if late := p.key(mothership.APIKeyInput{}); late.State.Phase != orrery.PhasePending {
		t.Fatalf("beside a usable cluster: %+v", late.State)
	}
}

// TestDedicatedClusterGoesWithItsPhysicalCluster, and a multi-tenant physical cluster stays.
func TestDedicatedClusterGoesWithItsPhysicalCluster(t *testing.T) {
	p := start(t, fixture{})
	dedicated, basic := p.usableCluster("big", orrery.TypeDedicated), p.usableCluster("small", orrery.TypeBasic)
	if dedicated.PhysicalClusterID == basic.PhysicalClusterID {
		t.Fatal("a Dedicated cluster shares")
	}
	key := p.key(mothership.APIKeyInput{ResourceID: dedicated.ID})
	p.settle()
	for _, c := range []mothership.Cluster{dedicated, basic} {
		_, err := p.m.DeleteCluster(t.Context(), p.admin, "", c.ID)
		p.ok(err)
	}
	p.satellite.keep["tenant"] = true
	p.settle()
	if state := p.clusterState(dedicated.ID); !state.Applied || state.Phase != orrery.PhaseDeleting {
		t.Fatalf("%+v", state)
	}
	if p.satellite.known["psc/"+dedicated.PhysicalClusterID].Deleted {
		t.Fatal("the physical cluster goes before its tenant is gone")
	}
	p.satellite.keep["tenant"] = false
	p.settle()
	_, err := p.m.ClusterState(t.Context(), dedicated.ID)
	p.fails(err, orrery.NotFound)
	_, err = p.m.PhysicalCluster(t.Context(), p.admin, dedicated.PhysicalClusterID)
	p.fails(err, orrery.NotFound)
	_, err = p.m.APIKeyState(t.Context(), key.ID)
	p.fails(err, orrery.NotFound)
	_, err = p.m.PhysicalCluster(t.Context(), p.admin, basic.PhysicalClusterID)
	p.ok(err)
	left := []string{"psc/" + basic.PhysicalClusterID, "salt-key/" + basic.PhysicalClusterID}
	if known := sortedKeys(p.satellite.known); !slices.Equal(known, left) {
		t.Fatalf("the satellite still knows %v", known)
	}
}

// TestRestartInEveryState: a mothership that is stopped between any two steps goes on where it was.
func TestRestartInEveryState(t *testing.T) {
	p := start(t, fixture{})
	tick := func(until func() bool) {
		t.Helper()
		for range 100 {
			if until() {
				return
			}
			p.step()
			p.restart()
		}
		t.Fatal("it does not get there")
	}
	c := p.cluster("orders", orrery.TypeDedicated)
	tick(func() bool { return p.clusterState(c.ID).Phase == orrery.PhaseUsable })
	key := p.key(mothership.APIKeyInput{ResourceID: c.ID})
	tick(func() bool { return p.keyState(key.ID).Phase == orrery.PhaseUsable })
	p.satellite.unready["credential"] = "no"
	withdrawn := p.key(mothership.APIKeyInput{ResourceID: c.ID})
	p.clock = p.clock.Add(time.Minute)
	tick(func() bool { return p.keyState(withdrawn.ID).Withdrawn })
	p.satellite.unready = map[string]string{}
	_, err := p.m.DeleteCluster(t.Context(), p.admin, "", c.ID)
	p.ok(err)
	tick(func() bool {
		_, err := p.m.ClusterState(t.Context(), c.ID)
		return orrery.ErrorCode(err) == orrery.NotFound && len(p.satellite.known) == 0
	})
	p.settle()
}

// TestQuietWhenConverged: no write and no message, also after a restart's full pass.
func TestQuietWhenConverged(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeStandard)
	p.key(mothership.APIKeyInput{ResourceID: c.ID})
	p.serviceAccount("app", orrery.RoleCloudClusterAdmin, c.CRN())
	p.settle()
	updates, messages := p.store.updates.Load(), p.down.messages
	p.clock = p.clock.Add(time.Hour)
	for _, loop := range p.m.Loops() {
		next, err := loop.Step(t.Context(), p.clock)
		p.ok(err)
		if !next.IsZero() && (loop.Name != mothership.LoopMonitor || next.Before(p.clock.Add(maxLease/2))) { // which waits for the lease's end
			t.Errorf("%s wants to run again at %v", loop.Name, next)
		}
	}
	if p.store.updates.Load() != updates || p.down.messages != messages {
		t.Fatalf("%d writes, %d messages", p.store.updates.Load()-updates, p.down.messages-messages)
	}
	p.restart()
	p.settle()
	if p.down.messages != 0 {
		t.Fatalf("%d messages after a restart", p.down.messages)
	}
}

// TestTermRises: after a restore from backup everything is sent again, with a generation that wins.
func TestTermRises(t *testing.T) {
	p := start(t, fixture{})
	p.usableCluster("orders", orrery.TypeBasic)
	p.term = 2
	p.restart()
	p.settle()
	for key, message := range p.satellite.known {
		if message.Generation.Term != 2 {
			t.Errorf("%s has %s", key, message.Generation)
		}
	}
}

func TestFencedIsFinal(t *testing.T) {
	p := start(t, fixture{})
	p.cluster("orders", orrery.TypeBasic)
	p.topics.OpenMothership(func() {}, satelliteID)
	var fenced error
	for range 10 {
		for _, loop := range p.m.Loops() {
			if _, err := loop.Step(t.Context(), p.clock); err != nil {
				fenced = err
			}
		}
	}
	if !errors.Is(fenced, link.ErrFenced) {
		t.Fatalf("error %v", fenced)
	}
}

// TestFailedSend: what may or may not have been sent is sent again.
func TestFailedSend(t *testing.T) {
	for _, after := range []bool{false, true} {
		p := start(t, fixture{})
		p.topics.FailSends(1, after)
		c := p.cluster("orders", orrery.TypeBasic)
		failures := 0
		for range 20 {
			for _, loop := range p.m.Loops() {
				if _, err := loop.Step(t.Context(), p.clock); err != nil {
					failures++
				}
			}
			p.answer()
		}
		if state := p.clusterState(c.ID); state.Phase != orrery.PhaseUsable || failures != 1 {
			t.Fatalf("after %v: %d failures, %+v", after, failures, state)
		}
	}
}

// TestServiceAccountTakesItsKeys: the deletion is done when none of its keys and bindings counts.
func TestServiceAccountTakesItsKeys(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	account := p.serviceAccount("app", orrery.RoleCloudClusterAdmin, c.CRN())
	key := p.key(mothership.APIKeyInput{OwnerID: account.PrincipalID, ResourceID: c.ID})
	p.settle()
	p.satellite.unready["credential"] = "gateway 1 is behind"
	state, err := p.m.DeleteServiceAccount(t.Context(), p.admin, account.PrincipalID)
	p.ok(err)
	if state.Phase != orrery.PhaseDeleting || state.Applied {
		t.Fatalf("%+v", state)
	}
	p.settle()
	if state, err = p.m.ServiceAccountState(t.Context(), account.PrincipalID); err != nil || !strings.Contains(state.Reason, key.ID) {
		t.Fatalf("%+v, %v", state, err)
	}
	_, err = p.m.ServiceAccount(t.Context(), p.admin, account.PrincipalID)
	p.fails(err, orrery.NotFound)
	delete(p.satellite.unready, "credential")
	p.settle()
	_, err = p.m.ServiceAccountState(t.Context(), account.PrincipalID)
	p.fails(err, orrery.NotFound)
	bindings, err := p.m.ListRoleBindings(t.Context(), p.admin, mothership.RoleBindingFilter{CRNPattern: p.first.Organization.CRN().String() + "/*"}, mothership.Page{})
	p.ok(err)
	if len(bindings.Rows) != 1 {
		t.Fatalf("bindings left: %+v", bindings.Rows)
	}
}

// TestUpgradeChangesTheTenant: Basic becomes Standard in place.
func TestUpgradeChangesTheTenant(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	kind := orrery.TypeStandard
	_, err := p.m.UpdateCluster(t.Context(), p.admin, "", c.ID, mothership.ClusterChange{Type: &kind})
	p.ok(err)
	p.settle()
	message := p.satellite.known["tenant/"+c.ID]
	var tenant tenancy.Tenant
	p.ok(json.Unmarshal(message.Content, &tenant))
	if tenant.Type != orrery.TypeStandard || tenant.MaxPartitions != 2500 || tenant.Quotas.Partitions != 2500 || message.Generation.Number != 2 {
		t.Fatalf("%+v in %s", tenant, message.Generation)
	}
	name := "renamed"
	_, err = p.m.UpdateCluster(t.Context(), p.admin, "", c.ID, mothership.ClusterChange{DisplayName: &name})
	p.ok(err)
	p.settle()
	if again := p.satellite.known["tenant/"+c.ID].Generation; again != message.Generation {
		t.Fatalf("generation %s for a name", again)
	}
	units := 2
	_, err = p.m.UpdateCluster(t.Context(), p.admin, "", c.ID, mothership.ClusterChange{MaxECKU: &units})
	p.ok(err)
	p.settle()
	message = p.satellite.known["tenant/"+c.ID]
	p.ok(json.Unmarshal(message.Content, &tenant))
	if tenant.Quotas.IngressBytesPerSecond != 50_000_000 || tenant.MaxPartitions != 500 || message.Generation.Number != 3 {
		t.Fatalf("%+v in %s", tenant, message.Generation)
	}
}

// TestManyClusters: batches are bounded, and many organizations' worth of clusters get there.
func TestManyClusters(t *testing.T) {
	limits := mothership.DefaultLimits()
	limits.ClustersPerEnvironment, limits.ClustersPerOrganization = 1000, 1000
	p := start(t, fixture{limits: limits})
	const n = 500
	for i := range n {
		p.cluster("cluster-"+strconv.Itoa(i), orrery.TypeBasic)
	}
	p.settle()
	p.ok(p.store.View(t.Context(), func(tx store.Tx) error {
		usable, err := tx.LogicalClusters().Count(store.Where(store.Phase, string(orrery.PhaseUsable)))
		if usable != n {
			t.Errorf("%d of %d usable", usable, n)
		}
		return err
	}))
}

// TestLocalPhysicalCluster: what a satellite has by itself is shown, and neither composed nor placed upon.
func TestLocalPhysicalCluster(t *testing.T) {
	p := start(t, fixture{})
	generation := orrery.Generation{Number: 1}
	status := orrery.Status{
		Generation: generation, Applied: true, PSC: &orrery.PSCStatus{ObservedGeneration: generation},
		Local: &orrery.PSCSpec{Kind: orrery.KindKafka, Type: "Control", Brokers: 1},
	}
	messages := p.down.messages
	p.report("psc", "pkc-control", generation, status)
	p.settle()
	p.restart()
	p.settle()
	shown, err := p.m.PhysicalCluster(t.Context(), p.admin, "pkc-control")
	p.ok(err)
	if !shown.Local || shown.Spec.Brokers != 1 || shown.SatelliteID != satelliteID {
		t.Fatalf("shown as %+v", shown)
	}
	if p.down.messages != messages && p.down.messages != 0 {
		t.Fatal("something was sent about a cluster that is the satellite's own")
	}
	if c := p.usableCluster("orders", orrery.TypeBasic); c.PhysicalClusterID == "pkc-control" {
		t.Fatal("a tenant was placed on it")
	}
	p.report("psc", p.usableCluster("more", orrery.TypeBasic).PhysicalClusterID, generation, status)
	p.settle()
	if shown, err := p.m.PhysicalCluster(t.Context(), p.admin, "pkc-control"); err != nil || !shown.Local {
		t.Fatalf("%+v, %v", shown, err)
	}
}

// TestNewAdministratorKey: whoever lost the first key starts with another one; a deleted key stays deleted.
func TestNewAdministratorKey(t *testing.T) {
	p := start(t, fixture{})
	in := mothership.BootstrapInput{OrganizationName: "acme", EnvironmentName: "default", Email: "ada@example.com", FullName: "Ada",
		APIKeyID: "ANOTHERKEYANOTHE", Secret: "another-secret-of-thirty-two-characters"}
	for range 2 {
		made, err := p.m.Bootstrap(t.Context(), in)
		p.ok(err)
		if made.Created || !made.KeyWorks || made.User.ID != p.first.User.ID {
			t.Fatalf("the second key: %+v", made)
		}
	}
	actor, err := p.m.Authenticate(t.Context(), in.APIKeyID, in.Secret)
	p.ok(err)
	_, err = p.m.DeleteAPIKey(t.Context(), actor, in.APIKeyID)
	p.ok(err)
	p.settle()
	made, err := p.m.Bootstrap(t.Context(), in)
	p.ok(err)
	if made.KeyWorks {
		t.Fatal("a deleted key came back")
	}
}

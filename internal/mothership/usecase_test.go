package mothership_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	linkmem "github.com/orrery-kafka/orrery/internal/link/mem"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/store/mem"
)

func TestBootstrapOnce(t *testing.T) {
	p := start(t, fixture{})
	in := mothership.BootstrapInput{OrganizationName: "acme", EnvironmentName: "default", APIKeyID: adminKey, Secret: adminSecret}
	again, err := p.m.Bootstrap(t.Context(), in)
	p.ok(err)
	if again.Created || !again.KeyWorks || again.Organization.ID != p.first.Organization.ID || again.User.ID != p.first.User.ID || again.Environment.ID != p.first.Environment.ID {
		t.Fatalf("%+v", again)
	}
	in.Secret = "another-secret-of-at-least-thirty-two"
	if again, err = p.m.Bootstrap(t.Context(), in); err != nil || again.KeyWorks {
		t.Fatalf("with another secret: %+v, %v", again, err)
	}
	in.Secret = adminSecret
	_, err = p.m.DeleteAPIKey(t.Context(), p.admin, adminKey)
	p.ok(err)
	in.APIKeyID = adminKey
	if again, err = p.m.Bootstrap(t.Context(), in); err != nil || again.KeyWorks {
		t.Fatalf("a deleted key came back: %+v, %v", again, err)
	}
	in.Secret = "short"
	_, err = p.m.Bootstrap(t.Context(), in)
	p.fails(err, orrery.Invalid)
}

func TestAuthenticate(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	key, secret, err := p.m.CreateAPIKey(t.Context(), p.admin, mothership.APIKeyInput{ResourceID: c.ID})
	p.ok(err)
	_, err = p.m.Authenticate(t.Context(), key.ID, secret)
	if text := p.fails(err, orrery.Unauthenticated); strings.Contains(text, c.ID) {
		t.Errorf("a key that is not in force yet is known: %s", text)
	}
	p.settle()
	_, err = p.m.Authenticate(t.Context(), key.ID, secret)
	if text := p.fails(err, orrery.Unauthenticated); !strings.Contains(text, "Cloud API key") || !strings.Contains(text, c.ID) {
		t.Errorf("a cluster's key: %s", text)
	}
	_, wrongSecret := p.m.Authenticate(t.Context(), key.ID, "wrong")
	_, wrongKey := p.m.Authenticate(t.Context(), "NOSUCHKEY", secret)
	_, garbage := p.m.Authenticate(t.Context(), "a\x00b", secret)
	_, long := p.m.Authenticate(t.Context(), strings.Repeat("x", 1<<20), secret)
	_, empty := p.m.Authenticate(t.Context(), "", "")
	for _, err := range []error{wrongKey, garbage, long, empty} {
		if p.fails(err, orrery.Unauthenticated) != orrery.ErrorMessage(wrongSecret) {
			t.Errorf("%v tells more than %v", err, wrongSecret)
		}
	}
	if strings.Contains(fmt.Sprintf("%+v", key), "salt") || len(key.Verifiers.Plain.Hash) > 0 {
		t.Error("verifiers leave the mothership")
	}
}

func TestNamesAreUnique(t *testing.T) {
	p := start(t, fixture{})
	ctx := t.Context()
	_, err := p.m.CreateEnvironment(ctx, p.admin, mothership.EnvironmentInput{DisplayName: "default"})
	p.fails(err, orrery.Conflict)
	other, err := p.m.CreateEnvironment(ctx, p.admin, mothership.EnvironmentInput{DisplayName: "other"})
	p.ok(err)
	taken := "default"
	_, err = p.m.UpdateEnvironment(ctx, p.admin, other.ID, mothership.EnvironmentChange{DisplayName: &taken})
	p.fails(err, orrery.Conflict)
	c := p.usableCluster("orders", orrery.TypeBasic)
	in := mothership.ClusterInput{EnvironmentID: c.EnvironmentID, DisplayName: "orders", Type: orrery.TypeBasic, Cloud: "AWS", Region: "r"}
	_, err = p.m.CreateCluster(ctx, p.admin, in)
	p.fails(err, orrery.Conflict)
	in.EnvironmentID = other.ID
	_, err = p.m.CreateCluster(ctx, p.admin, in)
	p.ok(err)
	_, err = p.m.DeleteCluster(ctx, p.admin, "", c.ID)
	p.ok(err)
	in.EnvironmentID = c.EnvironmentID
	_, err = p.m.CreateCluster(ctx, p.admin, in) // the name is free while its cluster goes
	p.ok(err)
	p.serviceAccount("app", "", orrery.CRN{})
	_, err = p.m.CreateServiceAccount(ctx, p.admin, mothership.ServiceAccountInput{DisplayName: "app"})
	p.fails(err, orrery.Conflict)
	_, err = p.m.CreateRoleBinding(ctx, p.admin, mothership.RoleBindingInput{
		Principal: orrery.Principal(p.first.User.ID), RoleName: orrery.RoleOrganizationAdmin, CRNPattern: p.first.Organization.CRN().String(),
	})
	p.fails(err, orrery.Conflict)
}

func TestLimitsAreNamed(t *testing.T) {
	limits := mothership.Limits{
		EnvironmentsPerOrganization: 2, ClustersPerEnvironment: 1, ClustersPerOrganization: 2, ServiceAccountsPerOrganization: 1,
		RoleBindingsPerOrganization: 2, CloudAPIKeysPerOrganization: 1, APIKeysPerCluster: map[string]int{orrery.TypeBasic: 1},
	}
	p := start(t, fixture{limits: limits})
	ctx := t.Context()
	expect := func(err error, name string) {
		t.Helper()
		if text := p.fails(err, orrery.LimitExceeded); !strings.Contains(text, name) {
			t.Errorf("%q does not name %q", text, name)
		}
	}
	second, err := p.m.CreateEnvironment(ctx, p.admin, mothership.EnvironmentInput{DisplayName: "second"})
	p.ok(err)
	_, err = p.m.CreateEnvironment(ctx, p.admin, mothership.EnvironmentInput{DisplayName: "third"})
	expect(err, "environments per organization")
	c := p.usableCluster("orders", orrery.TypeBasic)
	in := mothership.ClusterInput{EnvironmentID: c.EnvironmentID, DisplayName: "x", Type: orrery.TypeBasic, Cloud: "AWS", Region: "r"}
	_, err = p.m.CreateCluster(ctx, p.admin, in)
	expect(err, "clusters per environment")
	in.EnvironmentID = second.ID
	_, err = p.m.CreateCluster(ctx, p.admin, in)
	p.ok(err)
	account := p.serviceAccount("app", "", orrery.CRN{})
	_, err = p.m.CreateServiceAccount(ctx, p.admin, mothership.ServiceAccountInput{DisplayName: "second"})
	expect(err, "service accounts per organization")
	p.key(mothership.APIKeyInput{ResourceID: c.ID})
	_, _, err = p.m.CreateAPIKey(ctx, p.admin, mothership.APIKeyInput{ResourceID: c.ID})
	expect(err, "API keys per Basic cluster")
	_, _, err = p.m.CreateAPIKey(ctx, p.admin, mothership.APIKeyInput{})
	expect(err, "Cloud API keys per organization")
	for i, role := range []string{orrery.RoleEnvironmentAdmin, orrery.RoleCloudClusterAdmin} {
		_, err = p.m.CreateRoleBinding(ctx, p.admin, mothership.RoleBindingInput{
			Principal: orrery.Principal(account.PrincipalID), RoleName: role, CRNPattern: []string{second.CRN().String(), c.CRN().String()}[i],
		})
		if i == 0 {
			p.ok(err)
		}
	}
	expect(err, "role bindings per organization")
}

func TestBadInput(t *testing.T) {
	p := start(t, fixture{})
	ctx := t.Context()
	good := mothership.ClusterInput{EnvironmentID: p.first.Environment.ID, DisplayName: "c", Type: orrery.TypeDedicated, CKU: 2, Cloud: "AWS", Region: "us-east-1"}
	for pointer, change := range map[string]func(*mothership.ClusterInput){
		"/spec/display_name":    func(in *mothership.ClusterInput) { in.DisplayName = "" },
		"/spec/cloud":           func(in *mothership.ClusterInput) { in.Cloud = "a b" },
		"/spec/region":          func(in *mothership.ClusterInput) { in.Region = strings.Repeat("r", 65) },
		"/spec/availability":    func(in *mothership.ClusterInput) { in.Availability = "SOMETIMES" },
		"/spec/config/kind":     func(in *mothership.ClusterInput) { in.Type = "Huge" },
		"/spec/config/cku":      func(in *mothership.ClusterInput) { in.CKU = 153 },
		"/spec/config/max_ecku": func(in *mothership.ClusterInput) { in.MaxECKU = 1 },
	} {
		in := good
		change(&in)
		_, err := p.m.CreateCluster(ctx, p.admin, in)
		p.fails(err, orrery.Invalid)
		var e *orrery.Error
		if !errors.As(err, &e) || e.Pointer != pointer {
			t.Errorf("%v points to %q, want %q", err, e.Pointer, pointer)
		}
	}
	enterprise := good
	enterprise.Type, enterprise.CKU = "Enterprise", 0
	_, err := p.m.CreateCluster(ctx, p.admin, enterprise)
	p.fails(err, orrery.UnsupportedValue)
	c := p.usableCluster("orders", orrery.TypeDedicated)
	four, basic := 4, orrery.TypeBasic
	_, err = p.m.UpdateCluster(ctx, p.admin, "", c.ID, mothership.ClusterChange{CKU: &four}) // the embedded engine cannot
	p.fails(err, orrery.Invalid)
	_, err = p.m.UpdateCluster(ctx, p.admin, "", c.ID, mothership.ClusterChange{Type: &basic})
	p.fails(err, orrery.Invalid)
	_, err = p.m.Cluster(ctx, p.admin, "env-another", c.ID)
	p.fails(err, orrery.NotFound)
	_, err = p.m.ListClusters(ctx, p.admin, mothership.ClusterFilter{EnvironmentID: c.EnvironmentID}, mothership.Page{Token: "garbage"})
	p.fails(err, orrery.Invalid)
	_, err = p.m.ListRoleBindings(ctx, p.admin, mothership.RoleBindingFilter{}, mothership.Page{})
	p.fails(err, orrery.Invalid)
}

func TestBadRoleBindings(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	organization, environment := p.first.Organization.CRN().String(), p.first.Environment.CRN().String()
	user := orrery.Principal(p.first.User.ID)
	for _, in := range []mothership.RoleBindingInput{
		{Principal: user, RoleName: "Emperor", CRNPattern: organization},
		{Principal: user, RoleName: orrery.RoleCloudClusterAdmin, CRNPattern: organization},
		{Principal: user, RoleName: orrery.RoleCloudClusterAdmin, CRNPattern: organization + "/cloud-cluster=" + c.ID},
		{Principal: user, RoleName: orrery.RoleCloudClusterAdmin, CRNPattern: environment + "/cloud-cluster=lkc-nosuch"},
		{Principal: user, RoleName: orrery.RoleCloudClusterAdmin, CRNPattern: organization + "/environment=*/cloud-cluster=" + c.ID},
		{Principal: user, RoleName: orrery.RoleEnvironmentAdmin, CRNPattern: organization + "/environment=env-nosuch"},
		{Principal: user, RoleName: orrery.RoleEnvironmentAdmin, CRNPattern: environment + "/"},
		{Principal: user, RoleName: orrery.RoleEnvironmentAdmin, CRNPattern: "nonsense"},
		{Principal: "User:sa-nosuch", RoleName: orrery.RoleEnvironmentAdmin, CRNPattern: environment},
		{Principal: p.first.User.ID, RoleName: orrery.RoleEnvironmentAdmin, CRNPattern: environment},
	} {
		_, err := p.m.CreateRoleBinding(t.Context(), p.admin, in)
		if orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%+v: %v", in, err)
		}
	}
	_, err := p.m.CreateRoleBinding(t.Context(), p.admin, mothership.RoleBindingInput{Principal: user, RoleName: orrery.RoleOrganizationAdmin, CRNPattern: "crn://confluent.cloud/organization=*"})
	if code := orrery.ErrorCode(err); code != orrery.Invalid {
		t.Errorf("all organizations: %v", err)
	}
	_, err = p.m.CreateRoleBinding(t.Context(), p.admin, mothership.RoleBindingInput{Principal: user, RoleName: orrery.RoleCloudClusterAdmin, CRNPattern: environment + "/cloud-cluster=lkc-*"})
	p.ok(err)
}

func TestDeletionProtection(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	on, off := true, false
	_, err := p.m.UpdateCluster(t.Context(), p.admin, "", c.ID, mothership.ClusterChange{DeletionProtection: &on})
	p.ok(err)
	_, err = p.m.DeleteCluster(t.Context(), p.admin, "", c.ID)
	p.fails(err, orrery.Conflict)
	p.fails(p.m.DeleteEnvironment(t.Context(), p.admin, c.EnvironmentID), orrery.Conflict)
	_, err = p.m.UpdateCluster(t.Context(), p.admin, "", c.ID, mothership.ClusterChange{DeletionProtection: &off})
	p.ok(err)
	_, err = p.m.DeleteCluster(t.Context(), p.admin, "", c.ID)
	p.ok(err)
	p.ok(p.m.DeleteEnvironment(t.Context(), p.admin, c.EnvironmentID)) // which does not wait for the data to go
	p.settle()
	_, err = p.m.ClusterState(t.Context(), c.ID)
	p.fails(err, orrery.NotFound)
}

func TestPages(t *testing.T) {
	p := start(t, fixture{})
	for i := range 12 {
		p.serviceAccount(fmt.Sprintf("app-%02d", i), "", orrery.CRN{})
	}
	var seen []string
	for page, pages := (mothership.Page{Size: 5}), 0; ; pages++ {
		list, err := p.m.ListServiceAccounts(t.Context(), p.admin, "", page)
		p.ok(err)
		if len(list.Rows) > 5 || pages > 3 {
			t.Fatalf("page %d has %d rows", pages, len(list.Rows))
		}
		for _, row := range list.Rows {
			seen = append(seen, row.DisplayName)
		}
		if page.Token = list.Next; page.Token == "" {
			break
		}
	}
	if len(seen) != 12 {
		t.Fatalf("seen %v", seen)
	}
}

// TestFaultyLink: whatever the link loses, repeats, delays, and whenever the mothership restarts, the platform gets
// where it should, and then is quiet.
func TestFaultyLink(t *testing.T) {
	for seed := range 20 {
		p := start(t, fixture{})
		p.topics.SetFaults(linkmem.Faults{})
		c := p.cluster("orders", orrery.TypeDedicated)
		shared := p.cluster("shared", orrery.TypeBasic)
		for i := range 60 {
			p.down.Lose(i * seed % 3)
			p.down.Repeat(i * seed % 5)
			p.down.Delay(i * seed % 4)
			p.satellite.end.Repeat(i * seed % 3)
			p.satellite.end.Delay(i * seed % 2)
			if i == 20 {
				_, err := p.m.DeleteCluster(t.Context(), p.admin, "", c.ID)
				p.ok(err)
			}
			if i%(seed+7) == 3 {
				p.restart()
			}
			p.step()
		}
		p.restart() // what was lost comes again
		p.settle()
		_, err := p.m.ClusterState(t.Context(), c.ID)
		if orrery.ErrorCode(err) != orrery.NotFound {
			t.Errorf("seed %d: the deleted cluster is still there: %v %+v", seed, err, p.satellite.known)
		}
		if state := p.clusterState(shared.ID); state.Phase != orrery.PhaseUsable {
			t.Errorf("seed %d: %+v", seed, state)
		}
	}
}

// TestUseCasesBesideLoops runs use cases from many goroutines while the loops run.
func TestUseCasesBesideLoops(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeStandard)
	var running atomic.Int32
	var group sync.WaitGroup
	for worker := range 4 {
		running.Add(1)
		group.Go(func() {
			defer running.Add(-1)
			for range 10 {
				key, _, err := p.m.CreateAPIKey(t.Context(), p.admin, mothership.APIKeyInput{ResourceID: c.ID})
				if err == nil {
					_, err = p.m.ListAPIKeys(t.Context(), p.admin, mothership.APIKeyFilter{ResourceID: c.ID}, mothership.Page{})
				}
				if err == nil && worker%2 == 0 {
					_, err = p.m.DeleteAPIKey(t.Context(), p.admin, key.ID)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for running.Load() > 0 {
		p.step()
	}
	group.Wait()
	p.settle()
	keys, err := p.m.ListAPIKeys(t.Context(), p.admin, mothership.APIKeyFilter{ResourceID: c.ID}, mothership.Page{})
	p.ok(err)
	for _, key := range keys.Rows {
		if key.State.Phase != orrery.PhaseUsable {
			t.Errorf("%s is %+v", key.ID, key.State)
		}
	}
	if len(keys.Rows) != 20 {
		t.Errorf("%d keys, want 20", len(keys.Rows))
	}
}

// TestNudges: each commit that makes work says so, and one that may end a wait tells the waiters.
func TestNudges(t *testing.T) {
	topics := linkmem.New(nil)
	end := topics.OpenMothership(func() {}, satelliteID)
	nudges, changes := map[string]int{}, 0
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var s store.Store = mem.New()
	defer s.Close()
	m, err := mothership.New(mothership.Config{
		Store: s, Desired: end, Statuses: end, Random: rand.Reader, Now: func() time.Time { return now },
		Nudge: func(loop string) { nudges[loop]++ }, Changed: func() { changes++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Bootstrap(t.Context(), mothership.BootstrapInput{OrganizationName: "o", EnvironmentName: "e", APIKeyID: adminKey, Secret: adminSecret})
	if err != nil {
		t.Fatal(err)
	}
	actor := mothership.Actor{OrganizationID: first.Organization.ID, PrincipalID: first.User.ID}
	_, err = m.CreateCluster(t.Context(), actor, mothership.ClusterInput{EnvironmentID: first.Environment.ID, DisplayName: "c", Type: orrery.TypeBasic, Cloud: "a", Region: "r"})
	if err != nil || nudges[mothership.LoopPlace] != 1 {
		t.Fatalf("nudges %v, %v", nudges, err)
	}
	if _, err := m.PlaceStep(t.Context(), now); err != nil || changes == 0 {
		t.Fatalf("the reason changed: %d, %v", changes, err)
	}
	if _, err := mothership.New(mothership.Config{}); orrery.ErrorCode(err) != orrery.Invalid {
		t.Fatalf("an empty configuration: %v", err)
	}
}

// TestRolesOnKafkaResources: a role on topics reaches the cluster's gateways, lets its owner hand on what it owns and no
// more, and goes with the cluster.
func TestRolesOnKafkaResources(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	kafka := orrery.KafkaCRN(c.OrganizationID, c.EnvironmentID, c.ID)
	owner := p.serviceAccount("owner", orrery.RoleResourceOwner, kafka.With(orrery.CRNTopic, "sales.*"))
	reader := p.serviceAccount("reader", "", orrery.CRN{})
	bind := func(role string, pattern orrery.CRN) (orrery.RoleBinding, error) {
		return p.m.CreateRoleBinding(t.Context(), owner, mothership.RoleBindingInput{Principal: orrery.Principal(reader.PrincipalID), RoleName: role, CRNPattern: pattern.String()})
	}
	binding, err := bind(orrery.RoleDeveloperRead, kafka.With(orrery.CRNTopic, "sales.eu*"))
	p.ok(err)
	p.settle()
	if state, err := p.m.RoleBindingState(t.Context(), binding.ID); err != nil || state.Phase != orrery.PhaseUsable {
		t.Fatalf("%+v, %v", state, err)
	}
	onLink := "binding/" + c.PhysicalClusterID + "/" + binding.ID
	if message, ok := p.satellite.known[onLink]; !ok || message.Deleted {
		t.Fatalf("the gateways do not learn of it: %+v", message)
	}
	for _, actor := range []mothership.Actor{owner, reader} {
		if _, err := p.m.Cluster(t.Context(), actor, c.EnvironmentID, c.ID); err != nil {
			t.Errorf("who has a role on a topic does not see its cluster: %v", err)
		}
	}
	for _, test := range []struct {
		role    string
		pattern orrery.CRN
		want    orrery.Code
	}{
		{orrery.RoleDeveloperRead, kafka.With(orrery.CRNTopic, "sales*"), orrery.Forbidden},
		{orrery.RoleDeveloperRead, kafka.With(orrery.CRNGroup, "sales.eu"), orrery.NotFound},
		{orrery.RoleDeveloperWrite, kafka, orrery.Forbidden},
		{orrery.RoleCloudClusterAdmin, c.CRN(), orrery.Forbidden},
		{orrery.RoleDeveloperRead, c.CRN(), orrery.Invalid},
	} {
		if _, err := bind(test.role, test.pattern); orrery.ErrorCode(err) != test.want {
			t.Errorf("%s on %s: %v, want %s", test.role, test.pattern, err, test.want)
		}
	}
	_, err = p.m.DeleteRoleBinding(t.Context(), reader, binding.ID)
	p.fails(err, orrery.Forbidden)
	_, err = p.m.DeleteCluster(t.Context(), p.admin, c.EnvironmentID, c.ID)
	p.ok(err)
	p.settle()
	_, err = p.m.RoleBindingState(t.Context(), binding.ID)
	p.fails(err, orrery.NotFound)
}

// TestEveryRole: all nine roles can be bound to all of their scopes, and reach the gateways of what the scope covers.
func TestEveryRole(t *testing.T) {
	p := start(t, fixture{})
	c := p.usableCluster("orders", orrery.TypeBasic)
	account := p.serviceAccount("app", "", orrery.CRN{})
	organization, environment, cluster := p.first.Organization.CRN(), p.first.Environment.CRN(), c.CRN()
	kafka := cluster.With(orrery.CRNKafka, c.ID)
	topic, group, transactionalID := kafka.With(orrery.CRNTopic, "t"), kafka.With(orrery.CRNGroup, "g*"), kafka.With(orrery.CRNTransactionalID, "*")
	scopes := map[string][]orrery.CRN{
		orrery.RoleOrganizationAdmin: {organization},
		orrery.RoleEnvironmentAdmin:  {environment},
		orrery.RoleCloudClusterAdmin: {cluster},
		orrery.RoleOperator:          {organization, environment, cluster},
		orrery.RoleMetricsViewer:     {organization, environment, cluster},
		orrery.RoleResourceOwner:     {topic, group, transactionalID},
		orrery.RoleDeveloperRead:     {topic, group, transactionalID},
		orrery.RoleDeveloperWrite:    {kafka, topic, transactionalID},
		orrery.RoleDeveloperManage:   {kafka, topic, group, transactionalID},
	}
	var bindings []string
	for _, role := range orrery.RoleNames() {
		if len(scopes[role]) == 0 {
			t.Errorf("%s is not tried", role)
		}
		for _, pattern := range scopes[role] {
			b, err := p.m.CreateRoleBinding(t.Context(), p.admin, mothership.RoleBindingInput{Principal: orrery.Principal(account.PrincipalID), RoleName: role, CRNPattern: pattern.String()})
			if err != nil {
				t.Errorf("%s on %s: %v", role, pattern, err)
			}
			bindings = append(bindings, b.ID)
		}
	}
	p.settle()
	for _, id := range bindings {
		state, err := p.m.RoleBindingState(t.Context(), id)
		if message := p.satellite.known["binding/"+c.PhysicalClusterID+"/"+id]; err != nil || state.Phase != orrery.PhaseUsable || message.Deleted || len(message.Content) == 0 {
			t.Errorf("%s: %+v, %v; on the link %s", id, state, err, message.Content)
		}
	}
}

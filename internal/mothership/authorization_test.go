package mothership_test

import (
	"context"
	"slices"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
)

// verdicts are what the same call answers to nobody, to the administrator of another organization, to a service
// account without rights, to a CloudClusterAdmin of the cluster, and to the administrator; "" is success.
type verdicts struct{ nobody, stranger, powerless, clusterAdmin, admin orrery.Code }

const (
	u = orrery.Unauthenticated
	f = orrery.Forbidden
	n = orrery.NotFound
	i = orrery.Invalid
)

// TestAuthorization calls every use case as everybody. Each call acts on things that the administrator made for it.
func TestAuthorization(t *testing.T) {
	type call func(p *platform, ctx context.Context, as mothership.Actor, s scene) error
	for name, test := range map[string]struct {
		call call
		want verdicts
	}{
		"Organization": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.Organization(ctx, as, p.first.Organization.ID)
			return err
		}, verdicts{u, n, f, "", ""}},
		"UpdateOrganization": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.UpdateOrganization(ctx, as, p.first.Organization.ID, "b")
			return err
		}, verdicts{u, n, f, f, ""}},
		"User": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.User(ctx, as, p.first.User.ID)
			return err
		}, verdicts{u, n, n, n, ""}},
		"CreateEnvironment": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.CreateEnvironment(ctx, as, mothership.EnvironmentInput{DisplayName: "e"})
			return err
		}, verdicts{u, "", f, f, ""}},
		"Environment": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.Environment(ctx, as, s.environment)
			return err
		}, verdicts{u, n, n, "", ""}},
		"UpdateEnvironment": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.UpdateEnvironment(ctx, as, s.environment, mothership.EnvironmentChange{})
			return err
		}, verdicts{u, n, n, f, ""}},
		"DeleteEnvironment": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			return p.m.DeleteEnvironment(ctx, as, s.environment)
		}, verdicts{u, n, n, f, orrery.Conflict}},
		"CreateAccount": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.CreateServiceAccount(ctx, as, mothership.ServiceAccountInput{DisplayName: "s"})
			return err
		}, verdicts{u, "", f, f, ""}},
		"ServiceAccount": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.ServiceAccount(ctx, as, s.account)
			return err
		}, verdicts{u, n, n, n, ""}},
		"UpdateAccount": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.UpdateServiceAccount(ctx, as, s.account, mothership.ServiceAccountChange{})
			return err
		}, verdicts{u, n, n, n, ""}},
		"DeleteAccount": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.DeleteServiceAccount(ctx, as, s.account)
			return err
		}, verdicts{u, n, n, n, ""}},
		"UpdateOneself": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.UpdateServiceAccount(ctx, as, as.PrincipalID, mothership.ServiceAccountChange{})
			return err
		}, verdicts{u, n, f, f, n}},
		"CreateCluster": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.CreateCluster(ctx, as, mothership.ClusterInput{EnvironmentID: s.environment, DisplayName: "c", Type: orrery.TypeBasic, Cloud: "AWS", Region: "r"})
			return err
		}, verdicts{u, n, n, f, ""}},
		"Cluster": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.Cluster(ctx, as, "", s.cluster)
			return err
		}, verdicts{u, n, n, "", ""}},
		"ListClusters": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.ListClusters(ctx, as, mothership.ClusterFilter{EnvironmentID: s.environment}, mothership.Page{})
			return err
		}, verdicts{u, n, n, "", ""}},
		"UpdateCluster": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.UpdateCluster(ctx, as, "", s.cluster, mothership.ClusterChange{})
			return err
		}, verdicts{u, n, n, "", ""}},
		"DeleteCluster": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.DeleteCluster(ctx, as, "", s.cluster)
			return err
		}, verdicts{u, n, n, "", ""}},
		"ClusterKeyForSelf": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, _, err := p.m.CreateAPIKey(ctx, as, mothership.APIKeyInput{ResourceID: s.cluster})
			return err
		}, verdicts{u, n, n, "", ""}},
		"ClusterKeyForOther": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, _, err := p.m.CreateAPIKey(ctx, as, mothership.APIKeyInput{ResourceID: s.cluster, OwnerID: s.account})
			return err
		}, verdicts{u, n, n, "", ""}},
		"ClusterKeyForUser": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, _, err := p.m.CreateAPIKey(ctx, as, mothership.APIKeyInput{ResourceID: s.cluster, OwnerID: p.first.User.ID})
			return err
		}, verdicts{u, n, n, f, ""}},
		"CloudKeyForSelf": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, _, err := p.m.CreateAPIKey(ctx, as, mothership.APIKeyInput{})
			return err
		}, verdicts{u, "", f, f, ""}},
		"CloudKeyForOther": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, _, err := p.m.CreateAPIKey(ctx, as, mothership.APIKeyInput{OwnerID: s.account})
			return err
		}, verdicts{u, i, f, f, ""}},
		"APIKey": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.APIKey(ctx, as, s.key)
			return err
		}, verdicts{u, n, n, "", ""}},
		"UpdateAPIKey": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.UpdateAPIKey(ctx, as, s.key, mothership.APIKeyChange{})
			return err
		}, verdicts{u, n, n, "", ""}},
		"DeleteAPIKey": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.DeleteAPIKey(ctx, as, s.key)
			return err
		}, verdicts{u, n, n, "", ""}},
		"DeleteAdminsKey": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.DeleteAPIKey(ctx, as, adminKey)
			return err
		}, verdicts{u, n, n, n, ""}},
		"CreateRoleBinding": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.CreateRoleBinding(ctx, as, s.binding(orrery.RoleCloudClusterAdmin, s.clusterCRN))
			return err
		}, verdicts{u, n, n, "", ""}},
		"BindEnvironment": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.CreateRoleBinding(ctx, as, s.binding(orrery.RoleEnvironmentAdmin, s.environmentCRN))
			return err
		}, verdicts{u, n, n, f, ""}},
		"BindOrganization": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.CreateRoleBinding(ctx, as, s.binding(orrery.RoleOrganizationAdmin, p.first.Organization.CRN()))
			return err
		}, verdicts{u, n, f, f, ""}},
		"RoleBinding": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.RoleBinding(ctx, as, s.adminBinding)
			return err
		}, verdicts{u, n, n, n, ""}},
		"DeleteRoleBinding": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.DeleteRoleBinding(ctx, as, s.adminBinding)
			return err
		}, verdicts{u, n, n, n, orrery.Conflict}},
		"Satellite": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.Satellite(ctx, as, satelliteID)
			return err
		}, verdicts{u, f, f, f, ""}},
		"ListSatellites": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.ListSatellites(ctx, as, mothership.Page{})
			return err
		}, verdicts{u, f, f, f, ""}},
		"PhysicalCluster": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.PhysicalCluster(ctx, as, s.physical)
			return err
		}, verdicts{u, f, f, f, ""}},
		"ListPhysical": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.ListPhysicalClusters(ctx, as, mothership.Page{})
			return err
		}, verdicts{u, f, f, f, ""}},
		"PlacementDecision": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.PlacementDecision(ctx, as, s.cluster)
			return err
		}, verdicts{u, n, f, f, ""}},
		"ListDecisions": {func(p *platform, ctx context.Context, as mothership.Actor, s scene) error {
			_, err := p.m.ListPlacementDecisions(ctx, as, mothership.Page{})
			return err
		}, verdicts{u, "", f, f, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, fixture{})
			s := p.scene()
			powerless := p.serviceAccount("powerless", "", orrery.CRN{})
			clusterAdmin := p.serviceAccount("cluster-admin", orrery.RoleCloudClusterAdmin, s.clusterCRN)
			for _, as := range []struct {
				who   string
				actor mothership.Actor
				want  orrery.Code
			}{
				{"nobody", mothership.Actor{}, test.want.nobody},
				{"a stranger", p.stranger(), test.want.stranger},
				{"the powerless", powerless, test.want.powerless},
				{"the cluster's administrator", clusterAdmin, test.want.clusterAdmin},
			} {
				if got := orrery.ErrorCode(test.call(p, t.Context(), as.actor, s)); got != as.want {
					t.Errorf("as %s: %q, want %q", as.who, got, as.want)
				}
			}
			s = p.again(s)
			if err := test.call(p, t.Context(), p.admin, s); orrery.ErrorCode(err) != test.want.admin {
				t.Errorf("as the administrator: %v, want %q", err, test.want.admin)
			}
		})
	}
}

// scene is what the calls act on.
type scene struct {
	environment, cluster, physical, account, key, adminBinding string
	environmentCRN, clusterCRN                                 orrery.CRN
}

func (s scene) binding(role string, pattern orrery.CRN) mothership.RoleBindingInput {
	return mothership.RoleBindingInput{Principal: orrery.Principal(s.account), RoleName: role, CRNPattern: pattern.String()}
}

func (p *platform) scene() scene {
	p.Helper()
	c := p.usableCluster("orders", orrery.TypeBasic)
	account, err := p.m.CreateServiceAccount(p.Context(), p.admin, mothership.ServiceAccountInput{DisplayName: "app"})
	p.ok(err)
	key := p.key(mothership.APIKeyInput{ResourceID: c.ID, OwnerID: account.ID})
	p.settle()
	bindings, err := p.m.ListRoleBindings(p.Context(), p.admin, mothership.RoleBindingFilter{CRNPattern: p.first.Organization.CRN().String()}, mothership.Page{})
	p.ok(err)
	return scene{
		environment: c.EnvironmentID, cluster: c.ID, physical: c.PhysicalClusterID, account: account.ID, key: key.ID,
		adminBinding: bindings.Rows[0].ID, environmentCRN: p.first.Environment.CRN(), clusterCRN: c.CRN(),
	}
}

// again makes anew what the calls of others, who were allowed to, have used up.
func (p *platform) again(s scene) scene {
	p.Helper()
	p.settle()
	if _, err := p.m.Cluster(p.Context(), p.admin, "", s.cluster); err != nil {
		c := p.usableCluster("again", orrery.TypeBasic)
		s.cluster, s.clusterCRN = c.ID, c.CRN()
	}
	if _, err := p.m.APIKey(p.Context(), p.admin, s.key); err != nil {
		s.key = p.key(mothership.APIKeyInput{ResourceID: s.cluster, OwnerID: s.account}).ID
	}
	account, err := p.m.CreateServiceAccount(p.Context(), p.admin, mothership.ServiceAccountInput{DisplayName: "other"})
	p.ok(err)
	s.account = account.ID
	return s
}

// TestListsShowWhatOneMaySee: lists are filtered, and never an error for who sees nothing.
func TestListsShowWhatOneMaySee(t *testing.T) {
	p := start(t, fixture{})
	s := p.scene()
	hidden := p.cluster("hidden", orrery.TypeBasic)
	powerless := p.serviceAccount("powerless", "", orrery.CRN{})
	clusterAdmin := p.serviceAccount("cluster-admin", orrery.RoleCloudClusterAdmin, s.clusterCRN)
	ctx := t.Context()
	counts := func(as mothership.Actor) []int {
		t.Helper()
		organizations, err := p.m.ListOrganizations(ctx, as, mothership.Page{})
		p.ok(err)
		users, err := p.m.ListUsers(ctx, as, mothership.Page{})
		p.ok(err)
		environments, err := p.m.ListEnvironments(ctx, as, mothership.Page{})
		p.ok(err)
		accounts, err := p.m.ListServiceAccounts(ctx, as, "", mothership.Page{})
		p.ok(err)
		keys, err := p.m.ListAPIKeys(ctx, as, mothership.APIKeyFilter{}, mothership.Page{})
		p.ok(err)
		bindings, err := p.m.ListRoleBindings(ctx, as, mothership.RoleBindingFilter{CRNPattern: p.first.Organization.CRN().String() + "*"}, mothership.Page{})
		p.ok(err)
		return []int{len(organizations.Rows), len(users.Rows), len(environments.Rows), len(accounts.Rows), len(keys.Rows), len(bindings.Rows)}
	}
	for _, test := range []struct {
		who  string
		as   mothership.Actor
		want []int // organizations, users, environments, service accounts, keys, bindings
	}{
		{"a stranger", p.stranger(), []int{1, 1, 0, 0, 0, 0}},
		{"the powerless", powerless, []int{0, 0, 0, 1, 0, 0}},
		{"the cluster's administrator", clusterAdmin, []int{1, 0, 1, 1, 1, 1}},
		{"the administrator", p.admin, []int{1, 1, 1, 3, 2, 2}},
	} {
		if got := counts(test.as); !slices.Equal(got, test.want) {
			t.Errorf("%s sees %v, want %v", test.who, got, test.want)
		}
	}
	seen, err := p.m.ListClusters(ctx, clusterAdmin, mothership.ClusterFilter{EnvironmentID: s.environment}, mothership.Page{})
	p.ok(err)
	if len(seen.Rows) != 1 || seen.Rows[0].ID != s.cluster {
		t.Errorf("sees %+v and not only %s; %s is hidden", seen.Rows, s.cluster, hidden.ID)
	}
}

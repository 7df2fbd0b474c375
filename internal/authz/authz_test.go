package authz_test

import (
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

func crn(t *testing.T, s string) orrery.CRN {
	t.Helper()
	c, err := orrery.ParseCRN("crn://confluent.cloud/" + s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDecide(t *testing.T) {
	const org, env, cluster = "organization=o", "organization=o/environment=e", "organization=o/environment=e/cloud-cluster=lkc-1"
	policy := authz.NewPolicy([]authz.Binding{
		{ID: "rb-1", Principal: "User:u-admin", Role: orrery.RoleOrganizationAdmin, Pattern: crn(t, org)},
		{ID: "rb-2", Principal: "User:sa-env", Role: orrery.RoleEnvironmentAdmin, Pattern: crn(t, env)},
		{ID: "rb-3", Principal: "User:sa-one", Role: orrery.RoleCloudClusterAdmin, Pattern: crn(t, cluster)},
		{ID: "rb-4", Principal: "User:sa-all", Role: orrery.RoleCloudClusterAdmin, Pattern: crn(t, env+"/cloud-cluster=lkc-*")},
		{ID: "rb-5", Principal: "User:sa-odd", Role: "Emperor", Pattern: crn(t, org)},
	})
	for _, test := range []struct {
		principal string
		action    authz.Action
		resource  string
		rule      string // "" is denied
	}{
		{"User:u-admin", authz.Manage, org, "rb-1"},
		{"User:u-admin", authz.Write, cluster + "/kafka=lkc-1/topic=t", "rb-1"},
		{"User:u-admin", authz.View, "organization=other", ""},
		{"User:sa-env", authz.Manage, cluster, "rb-2"},
		{"User:sa-env", authz.Manage, org, ""},
		{"User:sa-env", authz.View, org, "rb-2"},
		{"User:sa-env", authz.View, "organization=o/environment=other", ""},
		{"User:sa-env", authz.Manage, "organization=o/service-account=sa-1", ""},
		{"User:sa-one", authz.Read, cluster + "/kafka=lkc-1/group=g", "rb-3"},
		{"User:sa-one", authz.Manage, env + "/cloud-cluster=lkc-10", ""},
		{"User:sa-one", authz.View, env, "rb-3"},
		{"User:sa-one", authz.Manage, env, ""},
		{"User:sa-one", authz.Manage, env + "/cloud-cluster=lkc-*", ""},
		{"User:sa-all", authz.Manage, env + "/cloud-cluster=lkc-10", "rb-4"},
		{"User:sa-all", authz.Manage, env + "/cloud-cluster=lkc-*", "rb-4"},
		{"User:sa-all", authz.Manage, env + "/cloud-cluster=*", ""},
		{"User:sa-odd", authz.View, org, ""},
		{"User:nobody", authz.View, org, ""},
		{"", authz.View, org, ""},
	} {
		d := policy.Decide(test.principal, test.action, crn(t, test.resource))
		want := test.rule
		if want == "" {
			want = "default-deny"
		}
		if d.Allowed != (test.rule != "") || d.Rule != want || d.Reason == "" {
			t.Errorf("%s %s %s: %+v, want %q", test.principal, test.action, test.resource, d, want)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	for _, test := range []struct {
		role, pattern string
		ok            bool
	}{
		{orrery.RoleOrganizationAdmin, "organization=o", true},
		{orrery.RoleOrganizationAdmin, "organization=*", false},
		{orrery.RoleOrganizationAdmin, "organization=o/environment=e", false},
		{orrery.RoleEnvironmentAdmin, "organization=o/environment=e", true},
		{orrery.RoleEnvironmentAdmin, "organization=o/environment=*", true},
		{orrery.RoleEnvironmentAdmin, "organization=o/environment=e*v", false},
		{orrery.RoleEnvironmentAdmin, "organization=o", false},
		{orrery.RoleCloudClusterAdmin, "organization=o/environment=e/cloud-cluster=lkc-1", true},
		{orrery.RoleCloudClusterAdmin, "organization=o/environment=e/cloud-cluster=lkc-*", true},
		{orrery.RoleCloudClusterAdmin, "organization=o/environment=*/cloud-cluster=lkc-1", false},
		{orrery.RoleCloudClusterAdmin, "organization=o/cloud-cluster=lkc-1", false},
		{orrery.RoleCloudClusterAdmin, "organization=o/environment=e/cloud-cluster=lkc-1/kafka=lkc-1", false},
		{"Emperor", "organization=o", false},
	} {
		err := authz.CheckPattern(test.role, crn(t, test.pattern))
		if test.ok != (err == nil) || !test.ok && orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s on %s: %v", test.role, test.pattern, err)
		}
	}
}

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
	const kafka = cluster + "/kafka=lkc-1"
	policy := authz.NewPolicy([]authz.Binding{
		{ID: "rb-1", Principal: "User:u-admin", Role: orrery.RoleOrganizationAdmin, Pattern: crn(t, org)},
		{ID: "rb-2", Principal: "User:sa-env", Role: orrery.RoleEnvironmentAdmin, Pattern: crn(t, env)},
		{ID: "rb-3", Principal: "User:sa-one", Role: orrery.RoleCloudClusterAdmin, Pattern: crn(t, cluster)},
		{ID: "rb-4", Principal: "User:sa-all", Role: orrery.RoleCloudClusterAdmin, Pattern: crn(t, env+"/cloud-cluster=lkc-*")},
		{ID: "rb-5", Principal: "User:sa-odd", Role: "Emperor", Pattern: crn(t, org)},
		{ID: "rb-6", Principal: "User:sa-operator", Role: orrery.RoleOperator, Pattern: crn(t, org)},
		{ID: "rb-7", Principal: "User:sa-metrics", Role: orrery.RoleMetricsViewer, Pattern: crn(t, env)},
		{ID: "rb-8", Principal: "User:sa-owner", Role: orrery.RoleResourceOwner, Pattern: crn(t, kafka+"/topic=t*")},
		{ID: "rb-9", Principal: "User:sa-reader", Role: orrery.RoleDeveloperRead, Pattern: crn(t, kafka+"/group=g")},
		{ID: "rb-10", Principal: "User:sa-writer", Role: orrery.RoleDeveloperWrite, Pattern: crn(t, kafka)},
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
		{"User:sa-operator", authz.View, cluster, "rb-6"},
		{"User:sa-operator", authz.View, org + "/service-account=sa-1", "rb-6"},
		{"User:sa-operator", authz.View, org + "/role-binding=rb-1", ""},
		{"User:sa-operator", authz.Manage, cluster, ""},
		{"User:sa-operator", authz.Describe, kafka + "/topic=t", "rb-6"},
		{"User:sa-operator", authz.Read, kafka + "/topic=t", ""},
		{"User:sa-operator", authz.DescribeConfigs, kafka, "rb-6"},
		{"User:sa-metrics", authz.View, cluster, "rb-7"},
		{"User:sa-metrics", authz.View, org, "rb-7"},
		{"User:sa-metrics", authz.View, kafka + "/topic=t", ""},
		{"User:sa-metrics", authz.Describe, kafka, ""},
		{"User:sa-owner", authz.View, cluster, "rb-8"},
		{"User:sa-owner", authz.Manage, cluster, ""},
		{"User:sa-owner", authz.Manage, kafka + "/topic=t1", "rb-8"},
		{"User:sa-owner", authz.Manage, kafka + "/topic=t1*", "rb-8"},
		{"User:sa-owner", authz.Manage, kafka + "/topic=x", ""},
		{"User:sa-owner", authz.AlterConfigs, kafka + "/topic=t1", "rb-8"},
		{"User:sa-owner", authz.Read, kafka + "/group=t1", ""},
		{"User:sa-reader", authz.Read, kafka + "/group=g", "rb-9"},
		{"User:sa-reader", authz.Delete, kafka + "/group=g", ""},
		{"User:sa-reader", authz.Manage, kafka + "/group=g", ""},
		{"User:sa-reader", authz.View, kafka + "/group=g", "rb-9"},
		{"User:sa-reader", authz.View, "organization=o/environment=e/cloud-cluster=lkc-2", ""},
		{"User:sa-writer", authz.IdempotentWrite, kafka, "rb-10"},
		{"User:sa-writer", authz.Write, kafka + "/topic=t", ""},
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
	const kafka = "organization=o/environment=e/cloud-cluster=lkc-1/kafka=lkc-1"
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
		{orrery.RoleOperator, "organization=o", true},
		{orrery.RoleOperator, "organization=o/environment=e*", true},
		{orrery.RoleMetricsViewer, "organization=o/environment=e/cloud-cluster=lkc-1", true},
		{orrery.RoleMetricsViewer, kafka + "/topic=t", false},
		{orrery.RoleDeveloperRead, kafka + "/topic=t", true},
		{orrery.RoleDeveloperRead, kafka + "/topic=t*", true},
		{orrery.RoleDeveloperRead, kafka + "/group=*", true},
		{orrery.RoleDeveloperRead, kafka + "/group=a/b=c", true},
		{orrery.RoleDeveloperRead, kafka + "/topic=t*x", false},
		{orrery.RoleDeveloperRead, kafka, false},
		{orrery.RoleDeveloperRead, "organization=o/environment=e/cloud-cluster=lkc-1", false},
		{orrery.RoleDeveloperRead, "organization=o/environment=e/cloud-cluster=lkc-*/kafka=lkc-1/topic=t", false},
		{orrery.RoleDeveloperRead, "organization=o/environment=e/cloud-cluster=lkc-1/kafka=lkc-2/topic=t", false},
		{orrery.RoleDeveloperWrite, kafka, true},
		{orrery.RoleDeveloperWrite, "organization=o/environment=e/cloud-cluster=lkc-1/kafka=lkc-*", false},
		{orrery.RoleDeveloperWrite, kafka + "/group=g", false},
		{orrery.RoleDeveloperManage, kafka + "/transactional-id=x", true},
		{orrery.RoleResourceOwner, kafka + "/transactional-id=x*", true},
		{orrery.RoleResourceOwner, kafka, false},
		{"Emperor", "organization=o", false},
	} {
		err := authz.CheckPattern(test.role, crn(t, test.pattern))
		if test.ok != (err == nil) || !test.ok && orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s on %s: %v", test.role, test.pattern, err)
		}
	}
}

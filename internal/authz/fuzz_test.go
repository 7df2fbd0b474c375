package authz_test

import (
	"encoding/json"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// FuzzPattern gives a role on whatever reads as a resource name: it must be refused or do no harm, and never reach
// another organization or cluster.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"organization=o", "organization=o/environment=env-1/cloud-cluster=lkc-1", "organization=o/environment=*",
		"organization=o/environment=env-1/cloud-cluster=lkc-1/kafka=lkc-1/topic=a*", "organization=o/environment=env-1/cloud-cluster=lkc-*"} {
		for _, role := range []string{orrery.RoleOrganizationAdmin, orrery.RoleDeveloperRead, orrery.RoleOperator, "x"} {
			f.Add(role, "crn://confluent.cloud/"+s, "abc")
		}
	}
	f.Fuzz(func(t *testing.T, role, text, name string) {
		pattern, err := orrery.ParseCRN(text)
		if err != nil {
			return
		}
		put := authz.Changes{PutBindings: []authz.Binding{{ID: "rb-1", Principal: "User:a", Role: role, Pattern: pattern}}}
		a := authz.NewAuthorizer(tenant)
		given := a.With(put)
		if err := authz.CheckPattern(role, pattern); err != nil {
			if orrery.ErrorCode(err) != orrery.Invalid || given != a {
				t.Fatalf("%s on %s is refused (%v) and gives something", role, text, err)
			}
			return
		}
		if pattern.Element(orrery.CRNOrganization) != "o" && given != a || given != a && !authz.Reaches(pattern, tenant) {
			t.Fatalf("%s on %s reaches %s", role, text, tenant)
		}
		for resourceType := authz.ResourceUnknown; resourceType <= authz.ResourceUser+1; resourceType++ {
			q := authz.Request{Principal: "User:a", Host: "10.0.0.1", Operation: authz.OperationRead, ResourceType: resourceType, ResourceName: name}
			if v := given.Authorize(q); v.Allowed && v.Rule.Binding.ID != "rb-1" {
				t.Fatal(v.Reason(q))
			}
			q.Principal = "User:b"
			if given.Authorize(q).Allowed || given.AuthorizeByResourceType(q).Allowed {
				t.Fatal("somebody else is allowed something")
			}
		}
		if given.With(authz.Changes{RemoveBindings: []string{"rb-1"}}).Operations("User:a", "10.0.0.1", authz.ResourceTopic, name) != 0 {
			t.Fatal("a binding that is gone still gives something")
		}
	})
}

// FuzzACL reads ACLs and filters as they come from outside.
func FuzzACL(f *testing.F) {
	f.Add(`{"resource_type":"TOPIC","resource_name":"a","pattern_type":"PREFIXED","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}`, int8(2), int8(1), "ab")
	f.Add(`{"resource_type":"CLUSTER","resource_name":"kafka-cluster","pattern_type":"LITERAL","principal":"User:*","host":"","operation":"ALL","permission":"DENY"}`, int8(99), int8(-1), "")
	f.Fuzz(func(t *testing.T, text string, number, pattern int8, name string) {
		var acl authz.ACL
		if json.Unmarshal([]byte(text), &acl) != nil {
			return
		}
		filter := authz.Filter{ResourceType: authz.ResourceType(number), ResourceName: &name, PatternType: authz.PatternType(pattern),
			Operation: authz.Operation(number), Permission: authz.Permission(number)}
		filter.Matches(acl)
		if acl.Validate() != nil {
			return
		}
		if acl.HasUnknown() {
			t.Fatalf("%s is valid, and has something unknown", acl)
		}
		a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: []authz.ACL{acl, acl}})
		exact := authz.Filter{ResourceType: acl.ResourceType, ResourceName: &acl.ResourceName, PatternType: acl.PatternType, Principal: &acl.Principal,
			Host: &acl.Host, Operation: acl.Operation, Permission: acl.Permission}
		if got := a.ACLs(exact); a.Len() != 1 || len(got) != 1 || got[0] != acl {
			t.Fatalf("%d ACLs, and its own filter selects %v", a.Len(), got)
		}
		q := authz.Request{Principal: acl.Principal, Host: acl.Host, Operation: acl.Operation, ResourceType: acl.ResourceType, ResourceName: acl.ResourceName}
		if v := a.Authorize(q); v.Allowed != (acl.Permission == authz.PermissionAllow) || v.Rule == nil {
			t.Fatalf("%s does not decide about itself", acl)
		}
		if left := a.With(authz.Changes{RemoveACLs: []authz.ACL{acl}}); left.Len() != 0 || left.Authorize(q).Rule != nil {
			t.Fatal("it is still there")
		}
	})
}

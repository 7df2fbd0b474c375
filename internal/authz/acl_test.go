package authz_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

func validACL() authz.ACL {
	return authz.ACL{ResourceType: authz.ResourceTopic, ResourceName: "orders", PatternType: authz.PatternLiteral, Principal: "User:sa-1", Host: "*",
		Operation: authz.OperationRead, Permission: authz.PermissionAllow}
}

// What Kafka itself refuses is in TestAnswersOfStandardAuthorizer; this is what it refuses elsewhere, and what is
// refused here only.
func TestValidate(t *testing.T) {
	for _, test := range []struct {
		why    string
		change func(*authz.ACL)
		ok     bool
	}{
		{"as it is", func(*authz.ACL) {}, true},
		{"the cluster", func(a *authz.ACL) { a.ResourceType, a.ResourceName = authz.ResourceCluster, "kafka-cluster" }, true},
		{"another name of the cluster", func(a *authz.ACL) { a.ResourceType = authz.ResourceCluster }, false},
		{"every cluster", func(a *authz.ACL) { a.ResourceType, a.ResourceName = authz.ResourceCluster, "*" }, false},
		{"a number that Kafka does not have", func(a *authz.ACL) { a.Operation = 99 }, false},
		{"a negative number", func(a *authz.ACL) { a.ResourceType = -1 }, false},
		{"an operation that topics do not have", func(a *authz.ACL) { a.Operation = authz.OperationIdempotentWrite }, true},
		{"a long name", func(a *authz.ACL) { a.ResourceName = strings.Repeat("x", authz.MaxResourceNameLength) }, true},
		{"too long a name", func(a *authz.ACL) { a.ResourceName = strings.Repeat("x", authz.MaxResourceNameLength+1) }, false},
		{"too long a principal", func(a *authz.ACL) { a.Principal = "User:" + strings.Repeat("x", authz.MaxPrincipalLength) }, false},
		{"too long a host", func(a *authz.ACL) { a.Host = strings.Repeat("x", authz.MaxHostLength+1) }, false},
		{"a name that is not UTF-8", func(a *authz.ACL) { a.ResourceName = "\xff" }, false},
		{"a host that is not UTF-8", func(a *authz.ACL) { a.Host = "\xff" }, false},
		{"a principal of another type", func(a *authz.ACL) { a.Principal = "Group:x" }, true},
		{"a principal without a type", func(a *authz.ACL) { a.Principal = "sa-1" }, false},
		{"a host that is no address", func(a *authz.ACL) { a.Host = "example.org" }, true},
	} {
		acl := validACL()
		test.change(&acl)
		if err := acl.Validate(); test.ok != (err == nil) || !test.ok && orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s: %v", test.why, err)
		}
	}
}

func TestHasUnknown(t *testing.T) {
	acl, filter := validACL(), authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny}
	if acl.HasUnknown() || filter.HasUnknown() || filter.Validate() != nil {
		t.Error("nothing is unknown")
	}
	acl.Operation, filter.PatternType = 99, authz.PatternUnknown
	if !acl.HasUnknown() || !filter.HasUnknown() || orrery.ErrorCode(filter.Validate()) != orrery.Invalid {
		t.Error("unknown numbers are not seen")
	}
}

func TestACLAsJSON(t *testing.T) {
	acl := validACL()
	content, err := json.Marshal(acl)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"resource_type":"TOPIC","resource_name":"orders","pattern_type":"LITERAL","principal":"User:sa-1","host":"*","operation":"READ","permission":"ALLOW"}`
	if string(content) != want {
		t.Errorf("%s\nwant %s", content, want)
	}
	var again authz.ACL
	if err := json.Unmarshal(content, &again); err != nil || again != acl || again.ID() != acl.ID() {
		t.Errorf("%+v, %v", again, err)
	}
	other := acl
	other.PatternType = authz.PatternPrefixed
	if other.ID() == acl.ID() || len(acl.ID()) != 64 {
		t.Errorf("the ids are %s and %s", acl.ID(), other.ID())
	}
	if err := json.Unmarshal([]byte(strings.Replace(want, "READ", "read", 1)), &again); err == nil || !strings.Contains(err.Error(), "READ, WRITE") {
		t.Errorf("a wrong name: %v", err)
	}
}

func TestHost(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "2001:db8::1": "2001:db8:0:0:0:0:0:1", "::1": "0:0:0:0:0:0:0:1",
		"2001:0db8:00a0::": "2001:db8:a0:0:0:0:0:0", "fe80::1%eth0": "fe80:0:0:0:0:0:0:1%eth0",
	} {
		if got := authz.Host(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
}

func TestReasonAndFix(t *testing.T) {
	deny := validACL()
	deny.Permission, deny.PatternType, deny.ResourceName = authz.PermissionDeny, authz.PatternPrefixed, "secret"
	owner := authz.Binding{ID: "rb-1", Principal: "User:sa-1", Role: orrery.RoleResourceOwner, Pattern: orrery.KafkaCRN("o", "env-1", "lkc-1").With(orrery.CRNTopic, "*")}
	a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: []authz.ACL{validACL(), deny}, PutBindings: []authz.Binding{owner}})
	for _, test := range []struct {
		operation    authz.Operation
		resourceType authz.ResourceType
		name         string
		reason, fix  string
	}{
		{authz.OperationRead, authz.ResourceTopic, "orders", "ALLOW READ on TOPIC orders to User:sa-1 from *", ""},
		{authz.OperationRead, authz.ResourceTopic, "secrets", "DENY READ on TOPIC secret… (prefix) to User:sa-1 from *", "delete that ACL"},
		{authz.OperationWrite, authz.ResourceTopic, "secrets", "role binding rb-1 makes User:sa-1 ResourceOwner of crn://", ""},
		{authz.OperationRead, authz.ResourceGroup, "g", `no ACL and no role binding lets User:sa-1 READ GROUP "g" from 10.0.0.1`, "the role DeveloperRead on GROUP \"g\""},
		{authz.OperationWrite, authz.ResourceTransactionalID, "x", "no ACL", "the role DeveloperWrite on"},
		{authz.OperationIdempotentWrite, authz.ResourceCluster, authz.ClusterName, "IDEMPOTENT_WRITE the cluster", "DeveloperWrite"},
		{authz.OperationAlter, authz.ResourceCluster, authz.ClusterName, "no ACL", "CloudClusterAdmin on the cluster"},
		{authz.OperationCreateTokens, authz.ResourceUser, "u", "no ACL", "CloudClusterAdmin"},
		{authz.OperationRead, authz.ResourceUser, "u", "no ACL", "create an ACL that allows READ on USER"},
	} {
		q := authz.Request{Principal: "User:sa-1", Host: "10.0.0.1", Operation: test.operation, ResourceType: test.resourceType, ResourceName: test.name}
		v := a.Authorize(q)
		if reason, fix := v.Reason(q), v.Fix(q); !strings.Contains(reason, test.reason) || !strings.Contains(fix, test.fix) || v.Allowed != (fix == "") {
			t.Errorf("%q, %q; want %q, %q", reason, fix, test.reason, test.fix)
		}
	}
}

func TestActionIsOperation(t *testing.T) {
	for action, want := range map[authz.Action]authz.Operation{
		authz.Read: authz.OperationRead, authz.Write: authz.OperationWrite, authz.Create: authz.OperationCreate, authz.Delete: authz.OperationDelete,
		authz.Alter: authz.OperationAlter, authz.Describe: authz.OperationDescribe, authz.DescribeConfigs: authz.OperationDescribeConfigs,
		authz.AlterConfigs: authz.OperationAlterConfigs, authz.IdempotentWrite: authz.OperationIdempotentWrite,
		authz.View: authz.OperationUnknown, authz.Manage: authz.OperationUnknown,
	} {
		if got := action.Operation(); got != want {
			t.Errorf("%s is %s", action, got)
		}
	}
}

// The rest of what filters select is in TestAnswersOfStandardAuthorizer.
func TestFilter(t *testing.T) {
	text := func(s string) *string { return &s }
	acl := func(pattern authz.PatternType, name string) authz.ACL {
		a := validACL()
		a.PatternType, a.ResourceName = pattern, name
		return a
	}
	literal, prefixed, every := acl(authz.PatternLiteral, "orders"), acl(authz.PatternPrefixed, "ord"), acl(authz.PatternLiteral, "*")
	other := acl(authz.PatternLiteral, "clicks")
	all := authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny}
	for _, test := range []struct {
		why    string
		change func(*authz.Filter)
		want   []authz.ACL
	}{
		{"all", func(*authz.Filter) {}, []authz.ACL{literal, prefixed, every, other}},
		{"what covers a name", func(f *authz.Filter) { f.PatternType, f.ResourceName = authz.PatternMatch, text("orders") }, []authz.ACL{literal, prefixed, every}},
		{"what covers any name", func(f *authz.Filter) { f.PatternType = authz.PatternMatch }, []authz.ACL{literal, prefixed, every, other}},
		{"the very name", func(f *authz.Filter) { f.ResourceName = text("ord") }, []authz.ACL{prefixed}},
		{"a literal that there is as a prefix", func(f *authz.Filter) { f.PatternType, f.ResourceName = authz.PatternLiteral, text("ord") }, nil},
		{"literals", func(f *authz.Filter) { f.PatternType = authz.PatternLiteral }, []authz.ACL{literal, every, other}},
		{"the ACL on everything", func(f *authz.Filter) { f.ResourceName = text("*") }, []authz.ACL{every}},
		{"another type", func(f *authz.Filter) { f.ResourceType = authz.ResourceGroup }, nil},
		{"a host, which \"*\" is not", func(f *authz.Filter) { f.Host = text("10.0.0.1") }, nil},
		{"a principal, which \"User:*\" is not", func(f *authz.Filter) { f.Principal = text("User:*") }, nil},
		{"ALL, which is an operation of its own", func(f *authz.Filter) { f.Operation = authz.OperationAll }, nil},
		{"denials", func(f *authz.Filter) { f.Permission = authz.PermissionDeny }, nil},
	} {
		filter := all
		test.change(&filter)
		a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: []authz.ACL{literal, prefixed, every, other}})
		got := a.ACLs(filter)
		for _, acl := range []authz.ACL{literal, prefixed, every, other} {
			if slices.Contains(test.want, acl) != slices.Contains(got, acl) {
				t.Errorf("%s: %v", test.why, got)
			}
		}
	}
}

// TestSameBindingChangesNothing: a record that is read again costs nothing.
func TestSameBindingChangesNothing(t *testing.T) {
	binding := func(topic string) authz.Changes {
		return authz.Changes{PutBindings: []authz.Binding{{ID: "rb-1", Principal: "User:a", Role: orrery.RoleDeveloperRead,
			Pattern: orrery.KafkaCRN("o", "env-1", "lkc-1").With(orrery.CRNTopic, topic)}}}
	}
	a := authz.NewAuthorizer(tenant).With(binding("t"))
	if a.With(binding("t")) != a {
		t.Error("the same binding changes something")
	}
	changed := a.With(binding("u"))
	if changed.Operations("User:a", "", authz.ResourceTopic, "t") != 0 || changed.Operations("User:a", "", authz.ResourceTopic, "u") == 0 {
		t.Error("a binding that is put again is not replaced")
	}
}

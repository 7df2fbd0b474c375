package authz_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

const (
	benchACLs       = 10_000
	benchPrincipals = 1_000
)

// large makes the ACLs of a large tenant: ten of each of 1,000 principals, literal and prefixed, some for one host, some
// that deny, and every tenth for everyone.
func large() []authz.ACL {
	all := make([]authz.ACL, benchACLs)
	for i := range all {
		team := i % benchPrincipals
		a := authz.ACL{
			ResourceType: authz.ResourceTopic, ResourceName: fmt.Sprintf("team-%03d.orders.%02d", team, i/benchPrincipals), PatternType: authz.PatternLiteral,
			Principal: fmt.Sprintf("User:sa-%06d", team), Host: "*", Operation: authz.OperationRead, Permission: authz.PermissionAllow,
		}
		switch i / benchPrincipals {
		case 1:
			a.PatternType, a.ResourceName, a.Operation = authz.PatternPrefixed, fmt.Sprintf("team-%03d.", team), authz.OperationWrite
		case 2:
			a.ResourceType, a.PatternType, a.ResourceName = authz.ResourceGroup, authz.PatternPrefixed, fmt.Sprintf("team-%03d", team)
		case 3:
			a.Host = "10.0.0.1"
		case 4:
			a.Permission, a.ResourceName = authz.PermissionDeny, fmt.Sprintf("team-%03d.secrets", team)
		case 5:
			a.Principal, a.PatternType, a.ResourceName = "User:*", authz.PatternPrefixed, fmt.Sprintf("public.%03d.", team)
		}
		all[i] = a
	}
	return all
}

func largeAuthorizer(tb testing.TB) *authz.Authorizer {
	bindings := make([]authz.Binding, 100)
	for i := range bindings {
		bindings[i] = authz.Binding{ID: fmt.Sprintf("rb-%d", i), Principal: fmt.Sprintf("User:sa-%06d", i), Role: orrery.RoleDeveloperRead,
			Pattern: orrery.KafkaCRN("o", "env-1", "lkc-1").With(orrery.CRNTopic, fmt.Sprintf("shared-%d*", i))}
	}
	a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: large(), PutBindings: bindings})
	if a.Len() != benchACLs {
		tb.Fatalf("%d ACLs", a.Len())
	}
	return a
}

// largeRequests are one of each way to an answer, for many principals.
func largeRequests() (all []authz.Request, want []bool) {
	for i := range 100 {
		ask := func(o authz.Operation, t authz.ResourceType, name string, allowed bool) {
			all, want = append(all, authz.Request{Principal: fmt.Sprintf("User:sa-%06d", i), Host: "10.0.0.1", Operation: o, ResourceType: t, ResourceName: name}), append(want, allowed)
		}
		ask(authz.OperationRead, authz.ResourceTopic, fmt.Sprintf("team-%03d.orders.06", i), true)  // a literal name
		ask(authz.OperationWrite, authz.ResourceTopic, fmt.Sprintf("team-%03d.clicks", i), true)    // a prefix
		ask(authz.OperationRead, authz.ResourceTopic, fmt.Sprintf("team-%03d.orders.03", i), true)  // from one host
		ask(authz.OperationRead, authz.ResourceTopic, fmt.Sprintf("team-%03d.secrets", i), false)   // a denial
		ask(authz.OperationDescribe, authz.ResourceTopic, fmt.Sprintf("public.%03d.a", i), true)    // everyone
		ask(authz.OperationRead, authz.ResourceTopic, fmt.Sprintf("shared-%d-a", i), true)          // a role
		ask(authz.OperationRead, authz.ResourceGroup, fmt.Sprintf("team-%03d-group", i), true)      // a group
		ask(authz.OperationWrite, authz.ResourceTopic, fmt.Sprintf("team-%03d.clicks", i+1), false) // nothing
	}
	return all, want
}

// TestNothingIsAllocated holds the decisions of the hot path to no allocation.
func TestNothingIsAllocated(t *testing.T) {
	a := largeAuthorizer(t)
	requests, want := largeRequests()
	for i, q := range requests {
		if v := a.Authorize(q); v.Allowed != want[i] {
			t.Errorf("allowed %v: %s: %s", v.Allowed, authz.Verdict{}.Reason(q), v.Reason(q))
		}
		n := testing.AllocsPerRun(10, func() {
			a.Authorize(q)
			a.AuthorizeByResourceType(q)
			a.Operations(q.Principal, q.Host, q.ResourceType, q.ResourceName)
		})
		if n != 0 {
			t.Fatalf("%v allocations: %s", n, authz.Verdict{}.Reason(q))
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	a := largeAuthorizer(b)
	requests, _ := largeRequests()
	for name, from := range map[string]int{"literal": 0, "prefix": 1, "host": 2, "denied": 3, "everyone": 4, "role": 5, "group": 6, "nothing": 7} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.Authorize(requests[(i%100)*8+from])
			}
		})
	}
	b.Run("operations", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			q := requests[i%len(requests)]
			a.Operations(q.Principal, q.Host, q.ResourceType, q.ResourceName)
		}
	})
	b.Run("by_resource_type", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			a.AuthorizeByResourceType(requests[i%len(requests)])
		}
	})
}

// chain gives one principal 1,000 prefixes, each of which begins the next, and everyone 9,000 that deny: the most that a
// decision can have to look through.
func chain() []authz.ACL {
	all := large()
	for i := range all {
		all[i].Host, all[i].ResourceType, all[i].PatternType = "*", authz.ResourceTopic, authz.PatternPrefixed
		if i < authz.MaxResourceNameLength-24 {
			all[i].Principal, all[i].ResourceName, all[i].Permission, all[i].Operation = "User:sa-1", strings.Repeat("a", i+1), authz.PermissionAllow, authz.OperationAlter
		} else {
			all[i].Principal, all[i].ResourceName, all[i].Permission, all[i].Operation = "User:*", fmt.Sprintf("a%05d", i), authz.PermissionDeny, authz.OperationAlter
		}
	}
	all[0].Operation = authz.OperationRead
	return all
}

func BenchmarkWorst(b *testing.B) {
	a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: chain()})
	q := authz.Request{Principal: "User:sa-1", Host: "10.0.0.1", Operation: authz.OperationRead, ResourceType: authz.ResourceTopic, ResourceName: strings.Repeat("a", authz.MaxResourceNameLength)}
	if !a.Authorize(q).Allowed {
		b.Fatal("denied")
	}
	b.Run("authorize", func(b *testing.B) {
		for b.Loop() {
			a.Authorize(q)
		}
	})
	denied := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: slices.Concat(onePrincipal(), []authz.ACL{
		{ResourceType: authz.ResourceTopic, ResourceName: "team-", PatternType: authz.PatternPrefixed, Principal: "User:*", Host: "*", Operation: authz.OperationAll, Permission: authz.PermissionDeny}})})
	b.Run("by_resource_type", func(b *testing.B) {
		for b.Loop() {
			if denied.AuthorizeByResourceType(q).Allowed {
				b.Fatal("allowed")
			}
		}
	})
}

// onePrincipal gives all 10,000 ACLs to one principal, as prefixes: the most that a change can have to copy.
func onePrincipal() []authz.ACL {
	all := large()
	for i := range all {
		all[i].Principal, all[i].Host, all[i].ResourceType = "User:sa-1", "*", authz.ResourceTopic
		all[i].PatternType, all[i].ResourceName = authz.PatternPrefixed, fmt.Sprintf("team-%05d.", i)
	}
	return all
}

// oneEach gives each of 10,000 principals one ACL: the largest table of principals.
func oneEach() []authz.ACL {
	all := large()
	for i := range all {
		all[i].Principal = fmt.Sprintf("User:sa-%06d", i)
	}
	return all
}

func BenchmarkBuild(b *testing.B) {
	for name, acls := range map[string][]authz.ACL{"1000_principals": large(), "one_principal": onePrincipal(), "10000_principals": oneEach()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: acls})
			}
		})
	}
}

func BenchmarkChange(b *testing.B) {
	for name, acls := range map[string][]authz.ACL{"1000_principals": large(), "one_principal": onePrincipal(), "10000_principals": oneEach()} {
		b.Run(name, func(b *testing.B) {
			a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: acls})
			acl := acls[benchACLs/2]
			acl.ResourceName += "new"
			change := authz.Changes{AddACLs: []authz.ACL{acl}}
			b.ReportAllocs()
			for b.Loop() {
				a.With(change)
			}
		})
	}
}

func BenchmarkACLs(b *testing.B) {
	a := largeAuthorizer(b)
	f := authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny}
	for b.Loop() {
		a.ACLs(f)
	}
}

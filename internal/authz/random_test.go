package authz_test

import (
	"math/rand/v2"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// random makes ACLs and requests out of few texts, so that they meet often.
type random struct {
	*rand.Rand
	bindings bool // whether a model gets role bindings too
}

func newRandom(seed uint64) random { return random{Rand: rand.New(rand.NewPCG(seed, 0))} }

func one[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

var (
	// Names share beginnings, also within a character and within a surrogate pair of Java's; "hardcode" is the name that
	// Kafka tries for a whole type. None begins with a character before "+": see TestWhereKafkaIsWrong.
	names = []string{"a", "ab", "abc", "abcd", "abd", "ac", "b", "ba", "a*", "a*b", "A", "h", "hard", "hardcode", "hardcoded", "orders",
		"orders-1", "order", "ü", "üb", "ñ", "日", "日本", "日本語", "😀", "😀x", "😁", "a b", "a/b", "x:y", "~"}
	principals     = []string{"User:a", "User:b", "User:A", "User:a:b", "User:", "User:ü", "Group:a", "a:"}
	hosts          = []string{"10.0.0.1", "10.0.0.2", "2001:db8:0:0:0:0:0:1"}
	resourceTypes  = []authz.ResourceType{authz.ResourceTopic, authz.ResourceGroup, authz.ResourceTransactionalID, authz.ResourceCluster, authz.ResourceDelegationToken, authz.ResourceUser}
	frequentTypes  = resourceTypes[:2]
	frequentNames  = names[:7]
	frequentPeople = principals[:2]
)

// mostly takes from the frequent three times in four.
func mostly[T any](r random, frequent, all []T) T {
	if r.IntN(4) > 0 {
		return one(r, frequent...)
	}
	return one(r, all...)
}

func (r random) operation() authz.Operation {
	if r.IntN(4) > 0 {
		return one(r, authz.OperationRead, authz.OperationWrite, authz.OperationDescribe, authz.OperationAlterConfigs, authz.OperationDescribeConfigs)
	}
	return authz.OperationAll + authz.Operation(r.IntN(int(authz.OperationTwoPhaseCommit-authz.OperationAll)+1))
}

func (r random) resource() (authz.ResourceType, string) {
	t := mostly(r, frequentTypes, resourceTypes)
	if t == authz.ResourceCluster {
		return t, authz.ClusterName
	}
	return t, mostly(r, frequentNames, names)
}

// acl makes a valid ACL.
func (r random) acl() authz.ACL {
	a := authz.ACL{
		PatternType: one(r, authz.PatternLiteral, authz.PatternLiteral, authz.PatternPrefixed),
		Principal:   mostly(r, frequentPeople, principals), Host: "*", Operation: r.operation(),
		Permission: one(r, authz.PermissionAllow, authz.PermissionAllow, authz.PermissionAllow, authz.PermissionDeny),
	}
	a.ResourceType, a.ResourceName = r.resource()
	if a.ResourceType != authz.ResourceCluster && r.IntN(8) == 0 {
		a.ResourceName = "*" // with a prefix pattern it is a name like any other
	}
	if r.IntN(6) == 0 {
		a.Principal = "User:*"
	}
	if r.IntN(3) == 0 {
		a.Host = one(r, append([]string{"2001:db8::1", ""}, hosts...)...)
	}
	return a
}

func (r random) acls(most int) []authz.ACL {
	all := make([]authz.ACL, r.IntN(most+1))
	for i := range all {
		all[i] = r.acl()
	}
	return all
}

func (r random) request() authz.Request {
	q := authz.Request{Principal: mostly(r, frequentPeople, principals), Host: one(r, hosts...), Operation: r.operation()}
	q.ResourceType, q.ResourceName = r.resource()
	if q.ResourceType != authz.ResourceCluster && r.IntN(50) == 0 {
		q.ResourceName = one(r, "", "*")
	}
	return q
}

// near makes a request that one of the ACLs is likely about.
func (r random) near(acls []authz.ACL) authz.Request {
	q := r.request()
	if len(acls) == 0 || r.IntN(3) == 0 {
		return q
	}
	a := one(r, acls...)
	q.ResourceType, q.Principal = a.ResourceType, a.Principal
	if a.Principal == "User:*" {
		q.Principal = one(r, principals...)
	}
	if a.ResourceName != "*" {
		q.ResourceName = a.ResourceName
	}
	if a.PatternType == authz.PatternPrefixed && r.IntN(2) == 0 {
		q.ResourceName += one(r, "-x", "b", "日")
	}
	if r.IntN(2) == 0 && a.Operation != authz.OperationAll {
		q.Operation = a.Operation
	}
	return q
}

func (r random) filter() authz.Filter {
	maybe := func(text string) *string {
		if r.IntN(3) > 0 {
			return nil
		}
		return &text
	}
	a := r.acl()
	return authz.Filter{
		ResourceType: one(r, authz.ResourceAny, authz.ResourceAny, a.ResourceType),
		ResourceName: maybe(a.ResourceName),
		PatternType:  one(r, authz.PatternAny, authz.PatternMatch, authz.PatternMatch, authz.PatternLiteral, authz.PatternPrefixed),
		Principal:    maybe(a.Principal), Host: maybe(a.Host),
		Operation:  one(r, authz.OperationAny, authz.OperationAny, a.Operation),
		Permission: one(r, authz.PermissionAny, authz.PermissionAny, a.Permission),
	}
}

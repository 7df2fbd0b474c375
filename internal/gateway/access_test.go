package gateway

import (
	"fmt"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// crowded is a cluster with 10,000 ACLs of 1,000 principals among 1,000 other clusters, and a session of one of them.
func crowded(t testing.TB) (*session, *state) {
	t.Helper()
	records := append(population(t, 1000), manyACLs(t, "lkc-000007")...)
	st, malformed := emptyState().with(records)
	if len(malformed) > 0 || st.acls("lkc-000007").size != 10_000 {
		t.Fatalf("%d ACLs, %v", st.acls("lkc-000007").size, malformed)
	}
	g := &Gateway{}
	g.state.Store(st)
	return &session{
		Identity:  Identity{OrganizationID: "org-000007", EnvironmentID: "env-1", LogicalClusterID: "lkc-000007", PrincipalID: "sa-500"},
		principal: "User:sa-500", clientHost: "127.0.0.1", gateway: g, memory: &memory{},
	}, st
}

// manyACLs are 10,000 ACLs of 1,000 principals, User:sa-0 and so on. Each may write to topics that begin with "ord", and
// do other things to nine of 100, among them read the one whose number is the principal's tenfold, rounded up to a
// multiple of 8.
func manyACLs(t testing.TB, cluster string) (records []stateRecord) {
	t.Helper()
	for i := range 10_000 {
		acl := authz.ACL{
			ResourceType: authz.ResourceTopic, ResourceName: fmt.Sprint("orders-", i%100), PatternType: authz.PatternLiteral,
			Principal: fmt.Sprintf("User:sa-%d", i/10), Host: "*", Operation: authz.OperationRead + authz.Operation(i%8), Permission: authz.PermissionAllow,
		}
		if i%10 == 9 {
			acl.PatternType, acl.ResourceName, acl.Operation = authz.PatternPrefixed, "ord", authz.OperationWrite
		}
		records = append(records, aclOf(t, cluster, acl))
	}
	return records
}

func aclOf(t testing.TB, cluster string, acl authz.ACL) stateRecord {
	t.Helper()
	r := record(t, tenancy.StateACL, cluster+"/"+acl.ID(), acl)
	r.topic = topicACLs
	return r
}

// A decision allocates nothing, however much there is to decide by.
func TestDecisionsAllocateNothing(t *testing.T) {
	s, _ := crowded(t)
	if !s.allowed(authz.Write, orrery.CRNTopic, "orders-1") || s.allowed(authz.Delete, orrery.CRNGroup, "orders-1") || !s.allowedSomewhere(authz.Write) {
		t.Fatal("the ACLs do not say what they should")
	}
	for name, decide := range map[string]func(){
		"a topic that may be used": func() { s.allowed(authz.Write, orrery.CRNTopic, "orders-1") },
		"a group that may not":     func() { s.allowed(authz.Read, orrery.CRNGroup, "orders-1") },
		"the cluster":              func() { s.allowed(authz.Alter, orrery.CRNKafka, "") },
		"any topic":                func() { s.allowedSomewhere(authz.Write) },
		"authorized operations":    func() { s.topicOperations(true, "orders-1") },
	} {
		if n := testing.AllocsPerRun(100, decide); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkPolicy is what rights cost: one decision in a cluster with 10,000 ACLs of 1,000 principals, which a connection
// makes for each name that it has not asked about since they changed; and one more ACL, there and in a small cluster.
func BenchmarkPolicy(b *testing.B) {
	s, st := crowded(b)
	b.Run("allowed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.allowed(authz.Write, orrery.CRNTopic, "orders-1")
		}
	})
	b.Run("denied", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.allowed(authz.Delete, orrery.CRNTopic, "payments")
		}
	})
	b.Run("any topic", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.allowedSomewhere(authz.Write)
		}
	})
	acl := authz.ACL{
		ResourceType: authz.ResourceTopic, ResourceName: "more", PatternType: authz.PatternLiteral, Principal: "User:sa-1",
		Host: "*", Operation: authz.OperationRead, Permission: authz.PermissionAllow,
	}
	for name, cluster := range map[string]string{"one ACL more than 10000": "lkc-000007", "one ACL in another cluster": "lkc-000008"} {
		more := []stateRecord{aclOf(b, cluster, acl)}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				st.with(more)
			}
		})
	}
}

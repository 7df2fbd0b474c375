package authz_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

var tenant = orrery.CloudClusterCRN("o", "env-1", "lkc-1")

// model answers from lists, one rule of Kafka's documentation after the other, and from the table of roles as text.
type model struct {
	acls     map[authz.ACL]bool
	bindings map[string]authz.Binding
}

// roleTable is what each role may do to a resource that its binding covers: ROLE SCOPE TYPE OPERATIONS.
const roleTable = `
OrganizationAdmin|organization|*|*
EnvironmentAdmin|environment|*|*
CloudClusterAdmin|cloud-cluster|*|*
Operator|organization environment cloud-cluster|TOPIC|DESCRIBE DESCRIBE_CONFIGS
Operator|organization environment cloud-cluster|GROUP|DESCRIBE DESCRIBE_CONFIGS
Operator|organization environment cloud-cluster|CLUSTER|DESCRIBE DESCRIBE_CONFIGS
Operator|organization environment cloud-cluster|TRANSACTIONAL_ID|DESCRIBE
MetricsViewer|organization environment cloud-cluster||
ResourceOwner|topic|TOPIC|CREATE DELETE READ WRITE DESCRIBE DESCRIBE_CONFIGS ALTER ALTER_CONFIGS
ResourceOwner|group|GROUP|READ DELETE DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS
ResourceOwner|transactional-id|TRANSACTIONAL_ID|WRITE DESCRIBE TWO_PHASE_COMMIT
DeveloperRead|topic|TOPIC|READ DESCRIBE
DeveloperRead|group|GROUP|READ DESCRIBE
DeveloperRead|transactional-id|TRANSACTIONAL_ID|DESCRIBE
DeveloperWrite|topic|TOPIC|WRITE DESCRIBE
DeveloperWrite|transactional-id|TRANSACTIONAL_ID|WRITE DESCRIBE
DeveloperWrite|kafka|CLUSTER|IDEMPOTENT_WRITE
DeveloperManage|topic|TOPIC|CREATE DELETE DESCRIBE DESCRIBE_CONFIGS
DeveloperManage|group|GROUP|DELETE DESCRIBE
DeveloperManage|transactional-id|TRANSACTIONAL_ID|DESCRIBE
DeveloperManage|kafka|CLUSTER|CREATE DESCRIBE_CONFIGS`

// bindingAllows reads the table.
func bindingAllows(b authz.Binding, q authz.Request) bool {
	scope := b.Pattern.Elements[len(b.Pattern.Elements)-1]
	for _, line := range strings.Split(strings.TrimSpace(roleTable), "\n") {
		column := strings.Split(line, "|")
		if column[0] != b.Role || !slices.Contains(strings.Fields(column[1]), scope.Type) {
			continue
		}
		if column[2] != "*" && column[2] != q.ResourceType.String() {
			continue
		}
		if column[3] != "*" && !slices.Contains(strings.Fields(column[3]), q.Operation.String()) {
			continue
		}
		// The text of the pattern begins the text of what it covers.
		text := strings.TrimPrefix(b.Pattern.String(), "crn://confluent.cloud/")
		below := map[string]string{"TOPIC": "/topic=", "GROUP": "/group=", "TRANSACTIONAL_ID": "/transactional-id="}[q.ResourceType.String()] + q.ResourceName
		if q.ResourceType == authz.ResourceCluster {
			if q.ResourceName != authz.ClusterName { // there is no other
				continue
			}
			below = ""
		}
		resource := "organization=o/environment=env-1/cloud-cluster=lkc-1/kafka=lkc-1" + below
		if prefix, cut := strings.CutSuffix(text, "*"); cut {
			if strings.HasPrefix(resource, prefix) {
				return true
			}
		} else if resource == text || !strings.Contains(text, "kafka=") && strings.HasPrefix(resource, text+"/") {
			return true
		}
	}
	return false
}

func (m model) aclFits(a authz.ACL, q authz.Request) bool {
	return a.ResourceType == q.ResourceType && (a.Principal == "User:*" || a.Principal == q.Principal) && (a.Host == "*" || a.Host == q.Host)
}

func aclCovers(a authz.ACL, name string) bool {
	if a.PatternType == authz.PatternPrefixed {
		return len(name) >= len(a.ResourceName) && name[:len(a.ResourceName)] == a.ResourceName
	}
	return a.ResourceName == "*" || a.ResourceName == name
}

func implied(by, wanted authz.Operation) bool {
	switch wanted {
	case authz.OperationDescribe:
		return by == authz.OperationRead || by == authz.OperationWrite || by == authz.OperationDelete || by == authz.OperationAlter
	case authz.OperationDescribeConfigs:
		return by == authz.OperationAlterConfigs
	}
	return false
}

func (m model) authorize(q authz.Request) bool {
	allowed := false
	for a := range m.acls {
		if !m.aclFits(a, q) || !aclCovers(a, q.ResourceName) {
			continue
		}
		exactly := a.Operation == authz.OperationAll || a.Operation == q.Operation
		if a.Permission == authz.PermissionDeny && exactly {
			return false
		}
		if a.Permission == authz.PermissionAllow && (exactly || implied(a.Operation, q.Operation)) {
			allowed = true
		}
	}
	for _, b := range m.bindings {
		allowed = allowed || b.Principal == q.Principal && bindingAllows(b, q)
	}
	return allowed
}

// byResourceType goes by what Kafka's Authorizer.authorizeByResourceType says of itself.
func (m model) byResourceType(q authz.Request) bool {
	q.ResourceName = "hardcode"
	if m.authorize(q) {
		return true
	}
	var allows, denies []authz.ACL
	for a := range m.acls {
		if !m.aclFits(a, q) || a.Operation != authz.OperationAll && a.Operation != q.Operation {
			continue
		}
		if a.Permission == authz.PermissionAllow {
			allows = append(allows, a)
		} else {
			denies = append(denies, a)
		}
	}
	every := func(a authz.ACL) bool { return a.PatternType == authz.PatternLiteral && a.ResourceName == "*" }
	if slices.ContainsFunc(denies, every) {
		return false
	}
	return slices.ContainsFunc(allows, func(a authz.ACL) bool {
		return every(a) || !slices.ContainsFunc(denies, func(d authz.ACL) bool {
			if d.PatternType == authz.PatternPrefixed {
				return strings.HasPrefix(a.ResourceName, d.ResourceName)
			}
			return a.PatternType == authz.PatternLiteral && a.ResourceName == d.ResourceName
		})
	})
}

func (m model) clone() model { return model{maps.Clone(m.acls), maps.Clone(m.bindings)} }

// consistent reports whether the rule of a verdict leads to it.
func (m model) consistent(v authz.Verdict, q authz.Request) bool {
	switch {
	case v.Rule == nil:
		return !v.Allowed
	case v.Rule.ACL != nil:
		a := *v.Rule.ACL
		return m.acls[a] && m.aclFits(a, q) && aclCovers(a, q.ResourceName) && (a.Permission == authz.PermissionAllow) == v.Allowed
	}
	b, ok := m.bindings[v.Rule.Binding.ID]
	return ok && v.Allowed && b.Principal == q.Principal && bindingAllows(b, q)
}

func (r random) binding() authz.Binding {
	role := one(r, strings.Fields("OrganizationAdmin EnvironmentAdmin CloudClusterAdmin Operator MetricsViewer ResourceOwner DeveloperRead DeveloperWrite DeveloperManage")...)
	cluster := orrery.CloudClusterCRN("o", one(r, "env-1", "env-1", "env-2"), one(r, "lkc-1", "lkc-1", "lkc-12", "lkc-*", "*"))
	pattern := cluster
	switch {
	case role == orrery.RoleOrganizationAdmin:
		pattern = orrery.OrganizationCRN(one(r, "o", "p"))
	case role == orrery.RoleEnvironmentAdmin:
		pattern = orrery.EnvironmentCRN("o", one(r, "env-1", "env-2", "env-*"))
	case strings.HasPrefix(role, "Developer") || role == orrery.RoleResourceOwner:
		id := one(r, "lkc-1", "lkc-1", "lkc-2")
		pattern = orrery.KafkaCRN("o", "env-1", id)
		if r.IntN(6) > 0 {
			name := mostly(r, frequentNames, names)
			if r.IntN(3) == 0 {
				name = strings.ReplaceAll(one(r, name, name, ""), "*", "") + "*"
			}
			pattern = pattern.With(one(r, orrery.CRNTopic, orrery.CRNGroup, orrery.CRNTransactionalID), name)
		}
	}
	return authz.Binding{ID: one(r, "rb-1", "rb-2", "rb-3", "rb-4"), Principal: mostly(r, frequentPeople, principals), Role: role, Pattern: pattern}
}

// TestAuthorizerIsItsModel changes an Authorizer step by step and compares it with the model, and each step's
// Authorizer with what it was before, for it must not change.
func TestAuthorizerIsItsModel(t *testing.T) {
	for seed := range uint64(60) {
		r := newRandom(seed)
		r.bindings = seed%3 > 0
		m := model{map[authz.ACL]bool{}, map[string]authz.Binding{}}
		a := authz.NewAuthorizer(tenant)
		for range 60 {
			before, n, listed := a, a.Len(), a.ACLs(authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny})
			a = a.With(m.change(r))
			before.With(m.clone().change(r)) // another one, which has nothing to do with a
			checkModel(t, r, m, a)
			if again := before.ACLs(authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny}); before.Len() != n || !slices.Equal(again, listed) {
				t.Fatal("With changed the Authorizer that it was called on")
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		nothing := authz.Changes{RemoveACLs: slices.Collect(maps.Keys(m.acls)), RemoveBindings: slices.Collect(maps.Keys(m.bindings))}
		if empty := a.With(nothing); empty.Len() != 0 || empty.With(nothing) != empty {
			t.Fatalf("seed %d: taking everything away leaves something", seed)
		}
		if same := a.With(authz.Changes{AddACLs: slices.Collect(maps.Keys(m.acls))}); same != a {
			t.Fatalf("seed %d: adding what is there changes something", seed)
		}
	}
}

// change makes changes and makes them to the model.
func (m model) change(r random) authz.Changes {
	c := authz.Changes{AddACLs: r.acls(4)}
	for a := range m.acls {
		if r.IntN(12) == 0 {
			c.RemoveACLs = append(c.RemoveACLs, a)
		}
	}
	c.RemoveACLs = append(c.RemoveACLs, r.acls(2)...)
	if r.bindings && r.IntN(3) == 0 {
		c.PutBindings = append(c.PutBindings, r.binding())
	}
	if r.IntN(5) == 0 {
		c.RemoveBindings = append(c.RemoveBindings, r.binding().ID)
	}
	for _, a := range c.RemoveACLs {
		delete(m.acls, a)
	}
	for _, id := range c.RemoveBindings {
		delete(m.bindings, id)
	}
	for _, b := range c.PutBindings {
		delete(m.bindings, b.ID)
		if authz.CheckPattern(b.Role, b.Pattern) == nil {
			m.bindings[b.ID] = b
		}
	}
	for _, a := range c.AddACLs {
		m.acls[a] = true
	}
	return c
}

func checkModel(t *testing.T, r random, m model, a *authz.Authorizer) {
	t.Helper()
	all := slices.Collect(maps.Keys(m.acls))
	for range 60 {
		q := r.near(all)
		v := a.Authorize(q)
		if want := m.authorize(q); v.Allowed != want || !m.consistent(v, q) {
			t.Errorf("allowed %v, want %v: %s, %s%s", v.Allowed, want, authz.Verdict{}.Reason(q), v.Reason(q), listed(all))
		}
		if len(m.bindings) == 0 {
			if got, want := a.AuthorizeByResourceType(q), m.byResourceType(q); got.Allowed != want || got.Allowed && got.Rule == nil {
				t.Errorf("by resource type: allowed %v, want %v: %s%s", got.Allowed, want, authz.Verdict{}.Reason(q), listed(all))
			}
		}
		if got, want := a.AuthorizeByRole(q), (model{bindings: m.bindings}).authorize(q); got.Allowed != want || got.Allowed != (got.Rule != nil) {
			t.Errorf("by roles alone: allowed %v, want %v: %s", got.Allowed, want, got.Reason(q))
		}
		operations := a.Operations(q.Principal, q.Host, q.ResourceType, q.ResourceName)
		if has := operations.Has(q.Operation); has != (v.Allowed && authz.Supported(q.ResourceType).Has(q.Operation)) {
			t.Errorf("Operations has %s: %v: %s", q.Operation, has, v.Reason(q))
		}
	}
	f := r.filter()
	var want []authz.ACL
	for _, acl := range all {
		if f.Matches(acl) {
			want = append(want, acl)
		}
	}
	got := a.ACLs(f)
	if a.Len() != len(all) || len(got) != len(want) {
		t.Errorf("%d ACLs, and the filter selects %d; want %d and %d", a.Len(), len(got), len(all), len(want))
	}
	for _, acl := range want {
		if !slices.Contains(got, acl) {
			t.Errorf("the filter does not select %s", acl)
		}
	}
}

// asACLs says a role binding in ACLs.
func asACLs(b authz.Binding) []authz.ACL {
	var all []authz.ACL
	for t := authz.ResourceTopic; t <= authz.ResourceUser; t++ {
		for o := authz.OperationRead; o <= authz.OperationTwoPhaseCommit; o++ {
			a := authz.ACL{ResourceType: t, ResourceName: "*", PatternType: authz.PatternLiteral, Principal: b.Principal, Host: "*", Operation: o, Permission: authz.PermissionAllow}
			if last := b.Pattern.Elements[len(b.Pattern.Elements)-1]; b.Pattern.Element(orrery.CRNKafka) != "" && last.Type != orrery.CRNKafka {
				prefix, cut := strings.CutSuffix(last.Name, "*")
				if a.ResourceName = last.Name; cut && prefix != "" {
					a.ResourceName, a.PatternType = prefix, authz.PatternPrefixed
				}
			} else if t == authz.ResourceCluster {
				a.ResourceName = authz.ClusterName
			}
			probe := a.ResourceName
			if bindingAllows(b, authz.Request{Principal: b.Principal, Operation: o, ResourceType: t, ResourceName: probe}) {
				all = append(all, a)
			}
		}
	}
	return all
}

// TestRolesAreACLs compares role bindings with the ACLs that say the same, beside other ACLs that allow and deny; also
// for whole types of resources, for which TestAnswersOfStandardAuthorizer knows what ACLs mean.
func TestRolesAreACLs(t *testing.T) {
	allowed, denied := 0, 0
	for seed := range uint64(2000) {
		r := newRandom(seed)
		acls := authz.Changes{AddACLs: r.acls(10)}
		bindings := []authz.Binding{r.binding(), r.binding()}
		bindings[0].ID, bindings[1].ID = "rb-1", "rb-2"
		ours := authz.NewAuthorizer(tenant).With(acls).With(authz.Changes{PutBindings: bindings})
		for _, b := range bindings {
			if authz.CheckPattern(b.Role, b.Pattern) == nil {
				acls.AddACLs = append(acls.AddACLs, asACLs(b)...)
			}
		}
		same := authz.NewAuthorizer(tenant).With(acls)
		for range 20 {
			q := r.near(acls.AddACLs)
			if q.Operation == authz.OperationAll { // nobody asks for it, and a role is no ACL that says it
				continue
			}
			v := ours.AuthorizeByResourceType(q)
			if v.Allowed {
				allowed++
			} else {
				denied++
			}
			if want := same.AuthorizeByResourceType(q); v.Allowed != want.Allowed || (v.Rule == nil) != (want.Rule == nil) {
				t.Fatalf("seed %d: by resource type: %v, want %v: %s; %v%s", seed, v.Allowed, want.Allowed, authz.Verdict{}.Reason(q), bindings, listed(acls.AddACLs))
			}
			if v, want := ours.Authorize(q), same.Authorize(q); v.Allowed != want.Allowed {
				t.Fatalf("seed %d: %v, want %v: %s; %v%s", seed, v.Allowed, want.Allowed, authz.Verdict{}.Reason(q), bindings, listed(acls.AddACLs))
			}
		}
	}
	if allowed < 2000 || denied < 2000 {
		t.Errorf("only %d allowed and %d denied: the questions say little", allowed, denied)
	}
}

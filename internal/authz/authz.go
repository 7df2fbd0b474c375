// Package authz decides who may do what: pure, from role bindings, for the control plane and for the gateways
// alike. Every answer names the rule that gave it.
package authz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// Action is something that a principal may be allowed to do to a resource.
type Action string

// The actions on things of the control plane.
const (
	View   Action = "view"
	Manage Action = "manage" // create, change, delete it and what is in it
)

// The actions on things of a logical Kafka cluster: Kafka's own ACL operations.
const (
	Read            Action = "READ"
	Write           Action = "WRITE"
	Create          Action = "CREATE"
	Delete          Action = "DELETE"
	Alter           Action = "ALTER"
	Describe        Action = "DESCRIBE"
	DescribeConfigs Action = "DESCRIBE_CONFIGS"
	AlterConfigs    Action = "ALTER_CONFIGS"
	IdempotentWrite Action = "IDEMPOTENT_WRITE"
)

// Binding gives a principal a role on what a pattern covers.
type Binding struct {
	ID        string
	Principal string
	Role      string
	Pattern   orrery.CRN
}

// Decision is an answer and the rule behind it.
type Decision struct {
	Allowed bool
	// Rule is the id of the binding that allowed it, or "default-deny".
	Rule   string
	Reason string
}

// Policy is a set of bindings, indexed by principal. It never changes, so it may be read from any goroutine.
type Policy struct {
	byPrincipal map[string][]Binding
}

// NewPolicy indexes bindings.
func NewPolicy(bindings []Binding) *Policy {
	p := &Policy{byPrincipal: map[string][]Binding{}}
	for _, b := range bindings {
		p.byPrincipal[b.Principal] = append(p.byPrincipal[b.Principal], b)
	}
	return p
}

// roleScope is the path of element types that a role's pattern has: a CloudClusterAdmin of an environment does not
// exist. Every role here may do everything to what its pattern covers.
var roleScope = map[string][]string{
	orrery.RoleOrganizationAdmin: {orrery.CRNOrganization},
	orrery.RoleEnvironmentAdmin:  {orrery.CRNOrganization, orrery.CRNEnvironment},
	orrery.RoleCloudClusterAdmin: {orrery.CRNOrganization, orrery.CRNEnvironment, orrery.CRNCloudCluster},
}

// CheckPattern returns an Invalid error where a role does not exist or cannot be bound to a pattern: the pattern's
// elements must be those of the role's scope, and a "*" may only end the last one, which is not the organization.
func CheckPattern(role string, pattern orrery.CRN) error {
	scope, ok := roleScope[role]
	if !ok {
		return orrery.InvalidField("/role_name", "the role %q is not offered; the roles are %s, %s and %s",
			role, orrery.RoleOrganizationAdmin, orrery.RoleEnvironmentAdmin, orrery.RoleCloudClusterAdmin)
	}
	var path []string
	for _, e := range pattern.Elements {
		path = append(path, e.Type)
	}
	if !slices.Equal(path, scope) {
		return orrery.InvalidField("/crn_pattern", "the role %s is bound to a %s (%s=…), and the pattern is %s",
			role, scope[len(scope)-1], strings.Join(scope, "=…/"), pattern)
	}
	for i, e := range pattern.Elements {
		star := strings.IndexByte(e.Name, '*')
		if star >= 0 && (i == 0 || i < len(scope)-1 || star != len(e.Name)-1) {
			return orrery.InvalidField("/crn_pattern", "a \"*\" may only be the last character of the pattern, and stands for no organization")
		}
	}
	return nil
}

// Decide answers whether principal may do action to resource. What a principal may act on, it may also find:
// View is allowed on every ancestor of what one of its bindings covers.
func (p *Policy) Decide(principal string, action Action, resource orrery.CRN) Decision {
	for _, b := range p.byPrincipal[principal] {
		if _, known := roleScope[b.Role]; !known {
			continue
		}
		if b.Pattern.Covers(resource) {
			return Decision{Allowed: true, Rule: b.ID, Reason: fmt.Sprintf("%s is %s of %s", principal, b.Role, b.Pattern)}
		}
		if action == View && resource.Covers(b.Pattern) {
			return Decision{Allowed: true, Rule: b.ID, Reason: fmt.Sprintf("%s is %s of something in it", principal, b.Role)}
		}
	}
	return Decision{Rule: "default-deny", Reason: fmt.Sprintf("no role binding lets %s do %s on %s", principal, action, resource)}
}

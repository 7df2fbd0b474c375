// Package authz decides who may do what: pure, from role bindings, for the control plane and for the gateways
// alike. Every answer names the rule that gave it.
package authz

import (
	"fmt"

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

// roleScope says at which element a role's pattern must end: a CloudClusterAdmin of an environment does not
// exist. Every role here may do everything to what its pattern covers.
var roleScope = map[string]string{
	orrery.RoleOrganizationAdmin: orrery.CRNOrganization,
	orrery.RoleEnvironmentAdmin:  orrery.CRNEnvironment,
	orrery.RoleCloudClusterAdmin: orrery.CRNCloudCluster,
}

// CheckPattern returns an Invalid error where a role does not exist or cannot be bound to a pattern.
func CheckPattern(role string, pattern orrery.CRN) error {
	scope, ok := roleScope[role]
	if !ok {
		return orrery.InvalidField("/role_name", "the role %q is not offered; the roles are %s, %s and %s",
			role, orrery.RoleOrganizationAdmin, orrery.RoleEnvironmentAdmin, orrery.RoleCloudClusterAdmin)
	}
	if last := pattern.Elements[len(pattern.Elements)-1].Type; last != scope {
		return orrery.InvalidField("/crn_pattern", "the role %s is bound to a %s, and the pattern ends in a %s", role, scope, last)
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

// Package authz decides who may do what, and every answer names the rule that gave it. It is pure.
//
// Policy decides from role bindings about the things of the control plane. Authorizer decides about the Kafka resources
// of one logical cluster, from its ACLs and from role bindings, as Kafka's own authorizer does and quickly enough for
// every request. Both take what a role may do from one table, roles.
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

// Operation returns the Kafka operation that the action is, and OperationUnknown for View and Manage.
func (a Action) Operation() Operation {
	for i, name := range operationNames {
		if name == string(a) {
			return Operation(i)
		}
	}
	return OperationUnknown
}

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

// Decide answers whether principal may do action to resource. What a principal may act on, it may also find:
// View is allowed on every ancestor of what one of its bindings covers.
func (p *Policy) Decide(principal string, action Action, resource orrery.CRN) Decision {
	for _, b := range p.byPrincipal[principal] {
		role, known := roles[b.Role]
		if !known {
			continue
		}
		if role.allows(action, b.Pattern, resource) {
			return Decision{Allowed: true, Rule: b.ID, Reason: fmt.Sprintf("%s is %s of %s", principal, b.Role, b.Pattern)}
		}
		if action == View && resource.Covers(b.Pattern) {
			return Decision{Allowed: true, Rule: b.ID, Reason: fmt.Sprintf("%s is %s of something in it", principal, b.Role)}
		}
	}
	return Decision{Rule: "default-deny", Reason: fmt.Sprintf("no role binding lets %s do %s on %s", principal, action, resource)}
}

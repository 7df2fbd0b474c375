package authz

import (
	"fmt"
	"slices"

	"github.com/orrery-kafka/orrery"
)

// Reason says for people why the answer to a request is what it is.
func (v Verdict) Reason(r Request) string {
	switch {
	case v.Rule == nil:
		return fmt.Sprintf("no ACL and no role binding lets %s %s %s from %s", r.Principal, r.Operation, r.resource(), r.Host)
	case v.Rule.Binding != nil:
		b := v.Rule.Binding
		return fmt.Sprintf("the role binding %s makes %s %s of %s", b.ID, b.Principal, b.Role, b.Pattern)
	}
	return "the ACL " + v.Rule.ACL.String()
}

// Fix says what somebody who administers the cluster would do so that the request is allowed; "" where it is.
func (v Verdict) Fix(r Request) string {
	switch {
	case v.Allowed:
		return ""
	case v.Rule != nil && v.Rule.ACL != nil:
		return "delete that ACL: while it is there, no other ACL and no role can allow it"
	}
	acl := "create an ACL that allows " + r.Operation.String()
	if name := LeastRole(r); name != "" {
		return fmt.Sprintf("give %s the role %s on %s, or %s", r.Principal, name, r.resource(), acl)
	}
	return acl + " on " + r.resource() + " to " + r.Principal
}

func (r Request) resource() string {
	if r.ResourceType == ResourceCluster {
		return "the cluster"
	}
	return fmt.Sprintf("%s %q", r.ResourceType, r.ResourceName)
}

// LeastRole returns the first role, from the one that gives least, that allows an operation on a resource; "" for none.
func LeastRole(r Request) string {
	if !Supported(r.ResourceType).Has(r.Operation) {
		return ""
	}
	ascending := []string{orrery.RoleDeveloperRead, orrery.RoleDeveloperWrite, orrery.RoleDeveloperManage, orrery.RoleResourceOwner,
		orrery.RoleOperator, orrery.RoleCloudClusterAdmin}
	i := slices.IndexFunc(ascending, func(name string) bool { return roles[name].operations[r.ResourceType].Has(r.Operation) })
	if i < 0 {
		return ""
	}
	return ascending[i]
}

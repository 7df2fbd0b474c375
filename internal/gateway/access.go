package gateway

import (
	"fmt"
	"maps"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// access is who may do what in one logical cluster. It never changes.
type access struct {
	acls     *registry[authz.ACL]     // by ID; nil where there were never any
	bindings map[string]authz.Binding // by rb-…, those whose patterns name the cluster
	// authorizer is nil while the cluster's own record is not there, which comes by another topic than its ACLs.
	authorizer *authz.Authorizer
}

// organization is what several clusters of an organization share. It never changes.
type organization struct {
	bindings map[string]authz.Binding // by rb-…, those whose patterns name no single cluster
	clusters map[string]struct{}      // lkc-…
}

// nobodys is the Authorizer of a cluster that is not known.
var nobodys = authz.NewAuthorizer(orrery.CRN{})

// authorizer returns who may do what in a logical cluster. It is another one after each change to that, and only then.
func (s *state) authorizer(logicalClusterID string) *authz.Authorizer {
	if a, ok := s.accesses.get(logicalClusterID); ok && a.authorizer != nil {
		return a.authorizer
	}
	return nobodys
}

// acls returns the ACLs of a logical cluster by their IDs.
func (s *state) acls(logicalClusterID string) *registry[authz.ACL] {
	if a, ok := s.accesses.get(logicalClusterID); ok && a.acls != nil {
		return a.acls
	}
	return &registry[authz.ACL]{}
}

// accessChange is the access to a cluster while it is being changed.
type accessChange struct {
	before, next access
	// ownACLs and ownBindings say that what next has may be changed, and is not that of before any more.
	ownACLs, ownBindings bool
	// acls and bindings are what was put or removed, by ID: all that is different from before.
	acls, bindings map[string]struct{}
	anew           bool // the cluster became another one, so nothing of before is of use
}

// had returns an ACL that was there before.
func (c *accessChange) had(id string) (authz.ACL, bool) {
	if c.before.acls == nil {
		return authz.ACL{}, false
	}
	return c.before.acls.get(id)
}

func (e *edition) change(logicalClusterID string) *accessChange {
	c := e.changes[logicalClusterID]
	if c == nil {
		c = &accessChange{acls: map[string]struct{}{}, bindings: map[string]struct{}{}}
		if before, ok := e.accesses.get(logicalClusterID); ok {
			c.before, c.next = *before, *before
		}
		e.changes[logicalClusterID] = c
	}
	return c
}

// organization returns an organization whose maps may be changed.
func (e *edition) organization(id string) organization {
	o, changed := e.changedOrganizations[id]
	if !changed {
		old, _ := e.organizations.get(id)
		o = organization{copied(old.bindings), copied(old.clusters)}
		e.changedOrganizations[id] = o
	}
	return o
}

// copied is maps.Clone that never returns nil.
func copied[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// moveTenant takes note of a tenant that may have come, gone or moved.
func (e *edition) moveTenant(id string, before tenancy.Tenant) {
	now, _ := e.tenants.get(id)
	if now.OrganizationID == before.OrganizationID && now.EnvironmentID == before.EnvironmentID {
		return
	}
	if before.OrganizationID != "" {
		delete(e.organization(before.OrganizationID).clusters, id)
	}
	if now.OrganizationID != "" {
		e.organization(now.OrganizationID).clusters[id] = struct{}{}
	}
	e.change(id).anew = true
}

// moveBinding takes note of a binding that may have come, gone or changed.
func (e *edition) moveBinding(id string, before authz.Binding) {
	if before.ID != "" {
		e.touchBinding(before, false)
	}
	if now, ok := e.bindings.get(id); ok {
		e.touchBinding(now, true)
	}
}

func (e *edition) touchBinding(b authz.Binding, there bool) {
	if id := onlyCluster(b.Pattern); id != "" {
		c := e.change(id)
		if !c.ownBindings {
			c.next.bindings, c.ownBindings = copied(c.next.bindings), true
		}
		set(c.next.bindings, b.ID, b, there)
		c.bindings[b.ID] = struct{}{}
		return
	}
	o := e.organization(organizationOf(b.Pattern))
	set(o.bindings, b.ID, b, there)
	for id := range o.clusters {
		if tenant, ok := e.tenants.get(id); ok && authz.Reaches(b.Pattern, clusterCRN(tenant)) {
			e.change(id).bindings[b.ID] = struct{}{}
		}
	}
}

func set[V any](m map[string]V, key string, value V, there bool) {
	if there {
		m[key] = value
	} else {
		delete(m, key)
	}
}

// onlyCluster returns the logical cluster that a pattern names, and "" for one that may reach several, or none.
func onlyCluster(pattern orrery.CRN) string {
	id := pattern.Element(orrery.CRNCloudCluster)
	if strings.Contains(id, "*") {
		return ""
	}
	return id
}

// organizationOf returns the organization that a pattern begins with, and "" for one that covers nothing.
func organizationOf(pattern orrery.CRN) string {
	if len(pattern.Elements) == 0 || pattern.Elements[0].Type != orrery.CRNOrganization {
		return ""
	}
	return pattern.Elements[0].Name
}

func clusterCRN(t tenancy.Tenant) orrery.CRN {
	return orrery.CloudClusterCRN(t.OrganizationID, t.EnvironmentID, t.LogicalClusterID)
}

// applyRule applies a record of _orrery_acls, whose key is KIND/lkc-…/ID.
func (e *edition) applyRule(kind, rest string, deleted bool, record tenancy.StateRecord) error {
	cluster, id, ok := strings.Cut(rest, "/")
	switch {
	case kind != tenancy.StateACL && kind != tenancy.StateClientQuota:
		return nil // of a newer version
	case !ok:
		return fmt.Errorf("the key is not %s/lkc-…/ID", kind)
	case kind == tenancy.StateClientQuota:
		return e.applyClientQuota(cluster, id, deleted, record)
	}
	return e.applyACL(cluster, id, deleted, record)
}

func (e *edition) applyACL(cluster, id string, deleted bool, record tenancy.StateRecord) error {
	var acl authz.ACL
	if !deleted {
		var err error
		if acl, err = parse[authz.ACL](record); err != nil {
			return err
		}
		if err := acl.Validate(); err != nil {
			return err
		}
		if acl.ID() != id {
			return fmt.Errorf("the ACL %q is not the one that the key names", acl)
		}
	}
	c := e.change(cluster)
	if !c.ownACLs {
		acls := e.acls(cluster).edition()
		c.next.acls, c.ownACLs = &acls, true
	}
	if deleted {
		c.next.acls.remove(id)
	} else {
		c.next.acls.put(id, acl)
	}
	c.acls[id] = struct{}{}
	return nil
}

// finish makes the authorizers of the clusters that something was changed for.
func (e *edition) finish() {
	for id, o := range e.changedOrganizations {
		if len(o.bindings) == 0 && len(o.clusters) == 0 {
			e.organizations.remove(id)
		} else {
			e.organizations.put(id, o)
		}
	}
	for id, c := range e.changes {
		tenant, known := e.tenants.get(id)
		switch {
		case !known:
			c.next.authorizer = nil
		case c.anew || c.before.authorizer == nil:
			c.next.authorizer = authz.NewAuthorizer(clusterCRN(tenant)).With(e.everything(tenant, c.next))
		default:
			c.next.authorizer = c.before.authorizer.With(e.differences(c))
		}
		if !known && (c.next.acls == nil || c.next.acls.size == 0) && len(c.next.bindings) == 0 {
			e.accesses.remove(id)
		} else {
			e.accesses.put(id, &c.next)
		}
	}
}

// everything is all that has a say in a cluster.
func (e *edition) everything(tenant tenancy.Tenant, a access) authz.Changes {
	var all authz.Changes
	if a.acls != nil {
		all.AddACLs = a.acls.values()
	}
	for _, b := range a.bindings {
		all.PutBindings = append(all.PutBindings, b)
	}
	cluster := clusterCRN(tenant)
	shared, _ := e.organizations.get(tenant.OrganizationID)
	for _, b := range shared.bindings {
		if authz.Reaches(b.Pattern, cluster) {
			all.PutBindings = append(all.PutBindings, b)
		}
	}
	return all
}

func (e *edition) differences(c *accessChange) authz.Changes {
	var changes authz.Changes
	for id := range c.acls {
		if now, there := c.next.acls.get(id); there { // what is there already changes nothing
			changes.AddACLs = append(changes.AddACLs, now)
		} else if before, was := c.had(id); was {
			changes.RemoveACLs = append(changes.RemoveACLs, before)
		}
	}
	for id := range c.bindings {
		if b, ok := e.bindings.get(id); ok { // one that does not reach the cluster any more takes away what it gave
			changes.PutBindings = append(changes.PutBindings, b)
		} else {
			changes.RemoveBindings = append(changes.RemoveBindings, id)
		}
	}
	return changes
}

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/store"
)

// tenants is what was asked for, whatever became of it: what the invariants compare with.
type tenants struct {
	all    []*tenant // in the order of their creation
	byName map[string]*tenant
	byID   map[string]*tenant
	// deletedKeys and deletedBindings have the ids of those whose deletion was asked for.
	deletedKeys, deletedBindings map[string]bool
}

func newTenants() tenants {
	return tenants{
		byName: map[string]*tenant{}, byID: map[string]*tenant{}, deletedKeys: map[string]bool{}, deletedBindings: map[string]bool{},
	}
}

// tenant is one logical cluster that somebody asked for.
type tenant struct {
	name, id      string // id is "" until the creation was answered
	actor         mothership.Actor
	environmentID string
	kind          string
	// deleted: its deletion was asked for. refused: it was never made, for this reason.
	deleted bool
	refused string
	// keys and bindings are those that were made and not deleted.
	keys, bindings []string
}

// clustersPerOrganization is how many of the clusters that are asked for one after another have the same owner.
const clustersPerOrganization = 20

// owner returns who asks for the next cluster: the administrator of an organization, which is made where it is new.
func (w *World) owner() (actor mothership.Actor, environmentID string) {
	number := len(w.tenants.all)/clustersPerOrganization + 1
	actor = mothership.Actor{OrganizationID: fmt.Sprintf("org-%d", number), PrincipalID: fmt.Sprintf("u-%d", number)}
	environmentID = fmt.Sprintf("env-%d", number)
	if len(w.tenants.all)%clustersPerOrganization > 0 {
		return actor, environmentID
	}
	now := w.clock.now
	err := w.store.Update(w.ctx, func(tx store.Tx) error {
		for _, put := range []func() error{
			func() error { return tx.SetMeta(metaPlatform, platformEngineer.OrganizationID) },
			func() error {
				return tx.Organizations().Put(orrery.Organization{ID: actor.OrganizationID, DisplayName: actor.OrganizationID, CreatedAt: now})
			},
			func() error {
				return tx.Users().Put(orrery.User{ID: actor.PrincipalID, OrganizationID: actor.OrganizationID, CreatedAt: now})
			},
			func() error {
				return tx.Users().Put(orrery.User{ID: colleague(actor), OrganizationID: actor.OrganizationID, CreatedAt: now})
			},
			func() error {
				return tx.Environments().Put(orrery.Environment{ID: environmentID, OrganizationID: actor.OrganizationID, DisplayName: "default", CreatedAt: now})
			},
			func() error {
				return tx.RoleBindings().Put(orrery.RoleBinding{
					ID: fmt.Sprintf("rb-%d", number), OrganizationID: actor.OrganizationID, Principal: orrery.Principal(actor.PrincipalID),
					RoleName: orrery.RoleOrganizationAdmin, CRNPattern: orrery.OrganizationCRN(actor.OrganizationID).String(),
					State: orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: now}, CreatedAt: now, UpdatedAt: now,
				})
			},
		} {
			if err := put(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.fail("an organization cannot be made: %v", err)
	}
	return actor, environmentID
}

// colleague is another user of an organization, who may do nothing until somebody says so.
func colleague(actor mothership.Actor) string { return actor.PrincipalID + "b" }

// ask makes a request as a client with patience does: again where it was not answered, or not by now. answered gets
// nil, or the error that says that it will never be.
func (w *World) ask(what string, request func(*mothership.Mothership) error, answered func(error)) {
	again := func() {
		w.clock.after(w.clock.between(time.Second, 10*time.Second), func() { w.ask(what, request, answered) })
	}
	m, p := w.control.mothership, w.control.process
	if m == nil {
		again()
		return
	}
	err := request(m)
	if p.dead {
		w.crashed(p)
		again()
		return
	}
	switch orrery.ErrorCode(err) {
	case orrery.Unavailable:
		again()
		return
	case orrery.Internal:
		w.fail("the request %q met a fault of ours: %v", what, err)
		return
	case "":
		w.trace.add("tenant", "%s: accepted", what)
	default:
		w.trace.add("tenant", "%s: refused: %s", what, orrery.ErrorMessage(err))
	}
	answered(err)
}

// create asks for a cluster.
func (w *World) create(name, kind, region string, cku int) *tenant {
	t := &tenant{name: name, kind: kind}
	t.actor, t.environmentID = w.owner()
	w.tenants.all = append(w.tenants.all, t)
	w.tenants.byName[name] = t
	input := mothership.ClusterInput{
		EnvironmentID: t.environmentID, DisplayName: name, Type: kind, Cloud: cloud, Region: region, CKU: cku,
	}
	w.ask("create "+name, func(m *mothership.Mothership) error {
		made, err := m.CreateCluster(w.ctx, t.actor, input)
		if orrery.ErrorCode(err) == orrery.Conflict { // an earlier try whose answer was lost
			list, listed := m.ListClusters(w.ctx, t.actor, mothership.ClusterFilter{EnvironmentID: t.environmentID}, mothership.Page{})
			i := slices.IndexFunc(list.Rows, func(c mothership.Cluster) bool { return c.DisplayName == name })
			if listed == nil && i >= 0 {
				made, err = list.Rows[i], nil
			}
		}
		if err == nil {
			t.id = made.ID
			w.tenants.byID[t.id] = t
		}
		return err
	}, func(err error) {
		if err != nil {
			t.refused = orrery.ErrorMessage(err)
		}
	})
	return t
}

// whenMade does something with a tenant once its creation was answered.
func (w *World) whenMade(t *tenant, do func()) {
	switch {
	case t.refused != "":
	case t.id != "":
		do()
	default:
		w.clock.after(time.Second, func() { w.whenMade(t, do) })
	}
}

// remove asks for the deletion of a tenant.
func (w *World) remove(t *tenant) {
	w.whenMade(t, func() {
		t.deleted = true
		w.ask("delete "+t.name, func(m *mothership.Mothership) error {
			_, err := m.DeleteCluster(w.ctx, t.actor, t.environmentID, t.id)
			if orrery.ErrorCode(err) == orrery.NotFound {
				return nil
			}
			return err
		}, func(err error) {
			if err != nil {
				w.fail("the deletion of %s was refused: %v", t.name, err)
			}
		})
	})
}

// change asks for another type or size of a tenant.
func (w *World) change(t *tenant, what string, change mothership.ClusterChange) {
	w.whenMade(t, func() {
		w.ask(what+" "+t.name, func(m *mothership.Mothership) error {
			_, err := m.UpdateCluster(w.ctx, t.actor, t.environmentID, t.id, change)
			return err
		}, func(error) {})
	})
}

// addKey asks for an API key of a tenant, which counts once it is usable.
func (w *World) addKey(t *tenant) {
	w.whenMade(t, func() {
		w.ask("key of "+t.name, func(m *mothership.Mothership) error {
			key, _, err := m.CreateAPIKey(w.ctx, t.actor, mothership.APIKeyInput{ResourceID: t.id})
			if err == nil {
				t.keys = append(t.keys, key.ID)
			}
			return err
		}, func(error) {})
	})
}

// removeKey asks for the deletion of a tenant's oldest key.
func (w *World) removeKey(t *tenant) {
	if len(t.keys) == 0 {
		return
	}
	id := t.keys[0]
	t.keys = t.keys[1:]
	w.tenants.deletedKeys[id] = true
	w.ask("delete a key of "+t.name, func(m *mothership.Mothership) error {
		_, err := m.DeleteAPIKey(w.ctx, t.actor, id)
		return unlessGone(err)
	}, func(error) {})
}

// unlessGone drops the error about something that is not there any more: that is what was asked for.
func unlessGone(err error) error {
	if orrery.ErrorCode(err) == orrery.NotFound {
		return nil
	}
	return err
}

// addBinding asks for a role of a colleague on a tenant.
func (w *World) addBinding(t *tenant) {
	w.whenMade(t, func() {
		w.ask("role binding of "+t.name, func(m *mothership.Mothership) error {
			binding, err := m.CreateRoleBinding(w.ctx, t.actor, mothership.RoleBindingInput{
				Principal: orrery.Principal(colleague(t.actor)), RoleName: orrery.RoleCloudClusterAdmin,
				CRNPattern: orrery.CloudClusterCRN(t.actor.OrganizationID, t.environmentID, t.id).String(),
			})
			if err == nil && !slices.Contains(t.bindings, binding.ID) {
				t.bindings = append(t.bindings, binding.ID)
			}
			return err
		}, func(error) {})
	})
}

// removeBinding asks for the deletion of the oldest role binding of a tenant.
func (w *World) removeBinding(t *tenant) {
	if len(t.bindings) == 0 {
		return
	}
	id := t.bindings[0]
	t.bindings = t.bindings[1:]
	w.tenants.deletedBindings[id] = true
	w.ask("delete a role binding of "+t.name, func(m *mothership.Mothership) error {
		_, err := m.DeleteRoleBinding(w.ctx, t.actor, id)
		return unlessGone(err)
	}, func(error) {})
}

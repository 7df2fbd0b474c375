package mothership

import (
	"github.com/orrery-kafka/orrery"
)

func (t *transaction) settleIdentityProvider(id string) error {
	p, ok, err := find(t.IdentityProviders(), id)
	if err != nil || !ok {
		return err
	}
	w := wait{
		state: p.State, queueKey: settleIdentityProvider + id, organizationID: p.OrganizationID, onlyUsable: true,
		put: func(state orrery.Lifecycle) error {
			p.State, p.UpdatedAt = state, t.now
			return t.IdentityProviders().Put(p)
		},
		withdraw: func() error { return t.deleteProvider(p, true) },
		remove:   func() error { return t.IdentityProviders().Delete(id) },
	}
	if w.records, err = t.sharedRecords(orrery.DesiredIdentityProvider, id, p.OrganizationID); err != nil {
		return err
	}
	return t.settleWait(w)
}

func (t *transaction) settleIdentityPool(id string) error {
	p, ok, err := find(t.IdentityPools(), id)
	if err != nil || !ok {
		return err
	}
	w := wait{
		state: p.State, queueKey: settleIdentityPool + id, organizationID: p.OrganizationID, onlyUsable: true,
		put: func(state orrery.Lifecycle) error {
			p.State, p.UpdatedAt = state, t.now
			return t.IdentityPools().Put(p)
		},
		withdraw: func() error { return t.deletePool(p, true) },
		remove:   func() error { return t.IdentityPools().Delete(id) },
	}
	if w.records, err = t.sharedRecords(orrery.DesiredIdentityPool, id, p.OrganizationID); err != nil {
		return err
	}
	return t.settleWait(w)
}

// sharedRecords returns the keys of the desired records that something of an organization may have: one for each
// physical cluster on which the organization has a cluster.
func (t *transaction) sharedRecords(kind, id, organizationID string) (keys []string, err error) {
	places, err := t.placesOf(organizationID)
	for _, pscID := range places {
		keys = append(keys, kind+"/"+pscID+"/"+id)
	}
	return keys, err
}

package mothership

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Keys of the settle queue.
const (
	settleAPIKey               = "key/"
	settleRoleBinding          = "rolebinding/"
	settleCluster              = "cluster/"
	settleServiceAccount       = "serviceaccount/"
	settleIdentityProvider     = "identityprovider/"
	settleIdentityPool         = "identitypool/"
	settleCertificateAuthority = "certificateauthority/"
)

// settleOf has, by kind of a desired record pkc-…/ID, the prefix of the settle key of what has the record.
var settleOf = map[string]string{
	orrery.DesiredCredential: settleAPIKey, orrery.DesiredBinding: settleRoleBinding,
	orrery.DesiredIdentityProvider: settleIdentityProvider, orrery.DesiredIdentityPool: settleIdentityPool,
	orrery.DesiredCertificateAuthority: settleCertificateAuthority,
}

// SettleStep ends waits: a creation that is in force everywhere becomes usable, one that is past its deadline is
// withdrawn, a deletion of which nothing is left goes away. A creation is in the queue for its deadline.
func (m *Mothership) SettleStep(ctx context.Context, now time.Time) (time.Time, error) {
	return m.drain(ctx, now, LoopSettle, func(t *transaction, key string) error {
		t.settle(key)
		return nil
	})
}

// settleKey looks at one wait.
func (t *transaction) settleKey(key string) error {
	kind, id, _ := strings.Cut(key, "/")
	switch kind + "/" {
	case settleAPIKey:
		return t.settleAPIKey(id)
	case settleRoleBinding:
		return t.settleRoleBinding(id)
	case settleCluster:
		return t.settleCluster(id)
	case settleServiceAccount:
		return t.settleServiceAccount(id)
	case settleIdentityProvider:
		return t.settleIdentityProvider(id)
	case settleIdentityPool:
		return t.settleIdentityPool(id)
	case settleCertificateAuthority:
		return t.settleCertificateAuthority(id)
	}
	return fmt.Errorf("%q is not a key of the settle queue", key)
}

func (t *transaction) settleAPIKey(id string) error {
	key, ok, err := find(t.APIKeys(), id)
	if err != nil || !ok {
		return err
	}
	w := wait{
		state: key.State, queueKey: settleAPIKey + id,
		put: func(state orrery.Lifecycle) error {
			key.State, key.UpdatedAt = state, t.now
			return t.APIKeys().Put(key)
		},
		withdraw: func() error { return t.deleteKey(key, true) },
		remove: func() error {
			if key.LogicalClusterID != "" {
				t.settle(settleCluster + key.LogicalClusterID)
			}
			return t.APIKeys().Delete(id)
		},
	}
	places, err := t.placesOfKey(key)
	if err != nil {
		return err
	}
	for _, pscID := range places {
		w.records = append(w.records, orrery.DesiredCredential+"/"+pscID+"/"+id)
	}
	if key.LogicalClusterID != "" && len(places) == 0 {
		w.before = "waiting for placement of " + key.LogicalClusterID
	}
	if orrery.HasPrefix(key.OwnerID, orrery.PrefixServiceAccount) {
		w.owner = settleServiceAccount + key.OwnerID
	}
	w.organizationID, w.onlyUsable = key.OrganizationID, key.LogicalClusterID == ""
	return t.settleWait(w)
}

func (t *transaction) settleRoleBinding(id string) error {
	binding, ok, err := find(t.RoleBindings(), id)
	if err != nil || !ok {
		return err
	}
	w := wait{
		state: binding.State, queueKey: settleRoleBinding + id, organizationID: binding.OrganizationID, onlyUsable: true,
		put: func(state orrery.Lifecycle) error {
			binding.State, binding.UpdatedAt = state, t.now
			return t.RoleBindings().Put(binding)
		},
		withdraw: func() error { return t.deleteBinding(binding, true) },
		remove:   func() error { return t.RoleBindings().Delete(id) },
	}
	if w.records, err = t.sharedRecords(orrery.DesiredBinding, id, binding.OrganizationID); err != nil {
		return err
	}
	if principalID := strings.TrimPrefix(binding.Principal, "User:"); orrery.HasPrefix(principalID, orrery.PrefixServiceAccount) {
		w.owner = settleServiceAccount + principalID
	}
	return t.settleWait(w)
}

// wait is an API key, role binding, identity provider, certificate authority or identity pool on its way in or out.
type wait struct {
	state          orrery.Lifecycle
	queueKey       string
	organizationID string
	// records are the desired records that it may have, of which those that exist or are wanted count.
	records []string
	// before is why there can be no record yet, or "".
	before string
	// onlyUsable has a creation wait only for physical clusters where the organization has a usable cluster: a
	// cluster that is still being made waits for the key instead.
	onlyUsable bool
	owner      string // settle key of the service account that may be waiting for it
	put        func(orrery.Lifecycle) error
	withdraw   func() error
	remove     func() error
}

func (t *transaction) settleWait(w wait) error {
	switch w.state.Phase {
	case orrery.PhasePending:
		return t.settlePending(w)
	case orrery.PhaseDeleting:
		return t.settleDeleting(w)
	}
	return nil
}

func (t *transaction) settlePending(w wait) error {
	reason := w.before
	for _, recordKey := range w.records {
		if reason != "" {
			break
		}
		skip, err := t.mayBeLater(w, recordKey)
		if err != nil {
			return err
		}
		if skip {
			continue
		}
		if reason, err = t.missing(recordKey); err != nil {
			return err
		}
	}
	switch {
	case reason == "":
		t.changed = true
		if err := t.Queue().Done(LoopSettle, w.queueKey); err != nil {
			return err
		}
		return w.put(orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: t.now})
	case !t.now.Before(w.state.Deadline):
		if err := w.withdraw(); err != nil {
			return err
		}
		return t.pendingClusters(w.organizationID) // they do not wait for it any more
	}
	if err := t.Queue().AddAt(LoopSettle, w.queueKey, w.state.Deadline); err != nil {
		return err
	}
	t.nudges[LoopSettle] = true // for its timer
	if w.state.Reason == reason {
		return nil
	}
	w.state.Reason = reason
	return w.put(w.state)
}

// mayBeLater reports whether a creation need not wait for a record, because no usable cluster of its organization
// is there.
func (t *transaction) mayBeLater(w wait, recordKey string) (bool, error) {
	if !w.onlyUsable {
		return false, nil
	}
	_, id, _ := strings.Cut(recordKey, "/")
	pscID, _, _ := strings.Cut(id, "/")
	clusters, err := t.liveClusters(pscID, w.organizationID)
	for _, c := range clusters {
		if c.State.Phase == orrery.PhaseUsable {
			return false, err
		}
	}
	return true, err
}

// missing says what a record that is wanted still waits for; "" where it is in force or not wanted.
func (t *transaction) missing(recordKey string) (string, error) {
	kind, id, _ := strings.Cut(recordKey, "/")
	d, exists, err := find(t.Desired(), recordKey)
	if err != nil {
		return "", err
	}
	if exists && !d.Deleted {
		return explain(d), nil
	}
	_, document, err := t.wanted(kind, id)
	if err != nil || document == nil {
		return "", err
	}
	return "waiting to be composed: " + recordKey, nil
}

// explain says what a record waits for; "" where it is in force.
func explain(d orrery.Desired) string {
	where := d.SatelliteID
	if d.Kind != orrery.DesiredTenant {
		where, _, _ = strings.Cut(d.ID, "/")
	}
	switch {
	case d.InForce():
		return ""
	case d.Published.Compare(d.Generation) < 0:
		return fmt.Sprintf("waiting for %s: the %s is not sent yet", where, d.Kind)
	case d.Observed.Compare(d.Generation) < 0 || d.Reason == "":
		return fmt.Sprintf("waiting for %s: %s has not answered yet", where, d.SatelliteID)
	default:
		return fmt.Sprintf("waiting for %s: %s", where, d.Reason)
	}
}

func (t *transaction) settleDeleting(w wait) error {
	left, applied, reason := false, true, ""
	for _, recordKey := range w.records {
		d, exists, err := find(t.Desired(), recordKey)
		if err != nil {
			return err
		}
		if !exists {
			continue
		}
		left = true
		if !d.Deleted || !d.InForce() {
			applied = false
			reason = explain(d)
		}
	}
	if w.owner != "" && applied {
		t.settle(w.owner)
	}
	if !left {
		t.changed = true
		return w.remove()
	}
	if w.state.Applied == applied && w.state.Reason == reason {
		return nil
	}
	t.changed = t.changed || applied
	w.state.Applied, w.state.Reason = applied, reason
	return w.put(w.state)
}

// pendingClusters has the clusters of an organization that are being made looked at.
func (t *transaction) pendingClusters(organizationID string) error {
	where := map[store.Field]string{store.OrganizationID: organizationID, store.Phase: string(orrery.PhasePending)}
	return each(t.LogicalClusters(), store.Query{Where: where}, func(c orrery.LogicalCluster) error {
		t.settle(settleCluster + c.ID)
		return nil
	})
}

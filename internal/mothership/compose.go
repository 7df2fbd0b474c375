package mothership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// Keys of the compose queue are keys of desired records (psc/…, tenant/…, credential/…, binding/…) and these, which
// stand for many records.
const (
	composeAPIKey       = "key/"          // + KEY: its credential wherever it is or is to be
	composeRoleBinding  = "rolebinding/"  // + rb-…: its binding wherever it is or is to be
	composeOrganization = "organization/" // + pkc-…/ORGANIZATION: all Cloud keys and bindings of one organization there
)

// ComposeStep recomputes queued desired records.
func (m *Mothership) ComposeStep(ctx context.Context, now time.Time) (time.Time, error) {
	return m.drain(ctx, now, LoopCompose, func(t *transaction, key string) error {
		t.compose(key)
		return nil
	})
}

// drain takes a batch of due keys off a loop's queue and does each. It writes nothing where none is due.
func (m *Mothership) drain(ctx context.Context, now time.Time, loop string, do func(*transaction, string) error) (next time.Time, err error) {
	var due []string
	err = m.store.View(ctx, func(tx store.Tx) error {
		if due, err = tx.Queue().Due(loop, now, batch); err != nil || len(due) > 0 {
			return err
		}
		next, _, err = tx.Queue().Next(loop)
		return err
	})
	if err != nil || len(due) == 0 {
		return next, err
	}
	err = m.commit(ctx, now, func(t *transaction) error {
		for _, key := range due {
			if err := t.take(loop, key, do); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		err = m.isolate(ctx, now, loop, due, do)
	}
	return now, err // there may be more
}

func (t *transaction) take(loop, key string, do func(*transaction, string) error) error {
	if err := t.Queue().Done(loop, key); err != nil {
		return err
	}
	if err := do(t, key); err != nil {
		return fmt.Errorf("%s %s: %w", loop, key, err)
	}
	return nil
}

// retryInterval is when a key that failed by itself is tried again.
const retryInterval = time.Minute

// isolate does a batch that failed key by key, so that one that cannot be done does not hold up the others, and
// puts the ones that fail off. It returns their errors.
func (m *Mothership) isolate(ctx context.Context, now time.Time, loop string, keys []string, do func(*transaction, string) error) error {
	var failed []error
	for _, key := range keys {
		err := m.commit(ctx, now, func(t *transaction) error { return t.take(loop, key, do) })
		if err == nil {
			continue
		}
		failed = append(failed, err)
		err = m.commit(ctx, now, func(t *transaction) error {
			if err := t.Queue().Done(loop, key); err != nil {
				return err
			}
			return t.Queue().AddAt(loop, key, now.Add(retryInterval))
		})
		if err != nil {
			return errors.Join(append(failed, err)...) // the store itself fails
		}
	}
	return errors.Join(failed...)
}

// composeKey does one key of the compose queue.
func (t *transaction) composeKey(key string) error {
	switch {
	case strings.HasPrefix(key, composeAPIKey):
		return t.composeAPIKey(strings.TrimPrefix(key, composeAPIKey))
	case strings.HasPrefix(key, composeRoleBinding):
		return t.composeRoleBinding(strings.TrimPrefix(key, composeRoleBinding))
	case strings.HasPrefix(key, composeOrganization):
		pscID, organizationID, _ := strings.Cut(strings.TrimPrefix(key, composeOrganization), "/")
		return t.composeOrganization(pscID, organizationID)
	default:
		return t.composeRecord(key)
	}
}

func (t *transaction) composeAPIKey(id string) error {
	key, ok, err := find(t.APIKeys(), id)
	if err != nil || !ok {
		return err
	}
	places, err := t.placesOfKey(key)
	for _, pscID := range places {
		t.compose(orrery.DesiredCredential + "/" + pscID + "/" + id)
	}
	return err
}

func (t *transaction) composeRoleBinding(id string) error {
	binding, ok, err := find(t.RoleBindings(), id)
	if err != nil || !ok {
		return err
	}
	places, err := t.placesOf(binding.OrganizationID)
	for _, pscID := range places {
		t.compose(orrery.DesiredBinding + "/" + pscID + "/" + id)
	}
	return err
}

// composeOrganization asks for each record by itself, for there may be more of them than fit in one transaction.
func (t *transaction) composeOrganization(pscID, organizationID string) error {
	return t.eachShared(pscID, organizationID, func(recordKey string) error {
		t.compose(recordKey)
		return nil
	})
}

// eachShared calls f with the key of each record that an organization may have on a physical cluster beside those
// of its clusters: Cloud keys and role bindings.
func (t *transaction) eachShared(pscID, organizationID string, f func(recordKey string) error) error {
	cloudKeys := store.Query{Where: map[store.Field]string{store.OrganizationID: organizationID, store.ResourceKind: orrery.APIKeyCloud}}
	err := each(t.APIKeys(), cloudKeys, func(k orrery.APIKey) error {
		return f(orrery.DesiredCredential + "/" + pscID + "/" + k.ID)
	})
	if err != nil {
		return err
	}
	return each(t.RoleBindings(), store.Where(store.OrganizationID, organizationID), func(b orrery.RoleBinding) error {
		return f(orrery.DesiredBinding + "/" + pscID + "/" + b.ID)
	})
}

// composeRecord brings one desired record to what the state asks for. The generation rises only when the content
// changed, the record was removed or came back, or the term rose; a record that is not wanted stays, as Deleted,
// until nothing is left of it.
func (t *transaction) composeRecord(recordKey string) error {
	kind, id, _ := strings.Cut(recordKey, "/")
	satelliteID, document, err := t.wanted(kind, id)
	if err != nil {
		return err
	}
	d, exists, err := find(t.Desired(), recordKey)
	if err != nil || !exists && document == nil {
		return err
	}
	var content json.RawMessage
	if document != nil {
		if content, err = canonical(document); err != nil {
			return err
		}
	}
	switch {
	case !exists:
		d = orrery.Desired{SatelliteID: satelliteID, Kind: kind, ID: id, CreatedAt: t.now}
		if d.Generation, err = t.firstGeneration(); err != nil {
			return err
		}
		d.Content = content
	case document == nil && d.Deleted && d.Generation.Term >= t.m.term:
		return nil
	case document == nil:
		d.Deleted = true
		d.Generation = d.Generation.Next(t.m.term)
	case !d.Deleted && string(d.Content) == string(content) && d.Generation.Term >= t.m.term:
		return nil
	default:
		d.Deleted, d.Content = false, content
		d.Generation = d.Generation.Next(t.m.term)
	}
	d.Applied, d.Gone, d.Reason, d.UpdatedAt = false, false, "", t.now
	t.nudges[LoopPublish] = true
	if err := t.Desired().Put(d); err != nil {
		return err
	}
	if kind == orrery.DesiredPSC {
		return t.keepGeneration(d)
	}
	return nil
}

// canonical encodes content so that equal content has equal bytes.
func canonical(document any) (json.RawMessage, error) {
	encoded, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	return orrery.CanonicalJSON(encoded)
}

// firstGeneration is later than that of every record that there was and is gone: what still travels about an
// earlier life of the same key is old for everybody.
func (t *transaction) firstGeneration() (orrery.Generation, error) {
	floor, err := t.generationFloor()
	return orrery.Generation{Number: floor}.Next(t.m.term), err
}

func (t *transaction) generationFloor() (int64, error) {
	text, err := t.Meta(metaFloor)
	if err != nil || text == "" {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

func (t *transaction) keepGeneration(d orrery.Desired) error {
	psc, ok, err := find(t.PSCs(), d.ID)
	if err != nil || !ok {
		return err
	}
	psc.Generation, psc.UpdatedAt = d.Generation, t.now
	return t.PSCs().Put(psc)
}

// wanted returns what a record is to say, and to which satellite; nil where it is not to be.
func (t *transaction) wanted(kind, id string) (satelliteID string, document any, err error) {
	switch kind {
	case orrery.DesiredPSC:
		return t.wantedPSC(id)
	case orrery.DesiredTenant:
		return t.wantedTenant(id)
	case orrery.DesiredCredential:
		return t.wantedCredential(id)
	case orrery.DesiredBinding:
		return t.wantedBinding(id)
	}
	return "", nil, fmt.Errorf("%q is not a kind of desired record", kind)
}

func (t *transaction) wantedPSC(id string) (string, any, error) {
	psc, ok, err := find(t.PSCs(), id)
	if err != nil || !ok || psc.Deleted {
		return "", nil, err
	}
	if finding, wrong := profile.FirstError(profile.Check(psc.Spec)); wrong {
		return "", nil, fmt.Errorf("the physical cluster %s is not sent: %s", id, finding)
	}
	return psc.SatelliteID, psc.Spec, nil
}

func (t *transaction) wantedTenant(id string) (string, any, error) {
	c, ok, err := find(t.LogicalClusters(), id)
	if err != nil || !ok || c.State.Phase == orrery.PhaseDeleting || c.PhysicalClusterID == "" {
		return "", nil, err
	}
	psc, err := t.PSCs().Get(c.PhysicalClusterID)
	if err != nil {
		return "", nil, err
	}
	limits, err := profile.LimitsOf(psc.Spec.Profile, c.Type)
	if err != nil {
		return "", nil, err
	}
	return psc.SatelliteID, tenancy.Tenant{
		PhysicalClusterID: psc.ID, LogicalClusterID: c.ID, OrganizationID: c.OrganizationID, EnvironmentID: c.EnvironmentID,
		Type: c.Type, MaxPartitions: limits.MaxPartitions(units(c)), ReplicationFactor: profile.ReplicationFactor(psc.Spec),
	}, nil
}

func (t *transaction) wantedCredential(id string) (string, any, error) {
	pscID, keyID, _ := strings.Cut(id, "/")
	key, ok, err := find(t.APIKeys(), keyID)
	if err != nil || !ok || key.State.Phase == orrery.PhaseDeleting {
		return "", nil, err
	}
	clusters, err := t.liveClusters(pscID, key.OrganizationID)
	if err != nil {
		return "", nil, err
	}
	for _, c := range clusters {
		if key.LogicalClusterID != "" && c.ID != key.LogicalClusterID {
			continue
		}
		satelliteID, err := t.satelliteOf(pscID)
		return satelliteID, tenancy.Credential{
			PhysicalClusterID: pscID, APIKeyID: key.ID, OrganizationID: key.OrganizationID,
			LogicalClusterID: key.LogicalClusterID, OwnerID: key.OwnerID, Verifiers: key.Verifiers,
		}, err
	}
	return "", nil, nil
}

func (t *transaction) wantedBinding(id string) (string, any, error) {
	pscID, bindingID, _ := strings.Cut(id, "/")
	binding, ok, err := find(t.RoleBindings(), bindingID)
	if err != nil || !ok || binding.State.Phase == orrery.PhaseDeleting {
		return "", nil, err
	}
	pattern, err := orrery.ParseCRN(binding.CRNPattern)
	if err != nil {
		return "", nil, err
	}
	clusters, err := t.liveClusters(pscID, binding.OrganizationID)
	if err != nil {
		return "", nil, err
	}
	for _, c := range clusters {
		if !pattern.Covers(c.CRN()) {
			continue
		}
		satelliteID, err := t.satelliteOf(pscID)
		return satelliteID, tenancy.Binding{
			PhysicalClusterID: pscID, RoleBindingID: binding.ID, Principal: binding.Principal,
			RoleName: binding.RoleName, CRNPattern: binding.CRNPattern,
		}, err
	}
	return "", nil, nil
}

func (t *transaction) satelliteOf(pscID string) (string, error) {
	psc, err := t.PSCs().Get(pscID)
	return psc.SatelliteID, err
}

// liveClusters returns the clusters of an organization on a physical cluster that are not being deleted.
func (t *transaction) liveClusters(pscID, organizationID string) ([]orrery.LogicalCluster, error) {
	memo := pscID + "/" + organizationID
	if clusters, ok := t.live[memo]; ok {
		return clusters, nil
	}
	clusters := []orrery.LogicalCluster{}
	where := map[store.Field]string{store.PhysicalClusterID: pscID, store.OrganizationID: organizationID}
	err := each(t.LogicalClusters(), store.Query{Where: where}, func(c orrery.LogicalCluster) error {
		if c.State.Phase != orrery.PhaseDeleting {
			clusters = append(clusters, c)
		}
		return nil
	})
	if err == nil {
		t.live[memo] = clusters
	}
	return clusters, err
}

// placesOf returns the physical clusters on which an organization has, or still has, a cluster, in the order in
// which it came to them.
func (t *transaction) placesOf(organizationID string) (places []string, err error) {
	seen := map[string]bool{"": true}
	err = each(t.LogicalClusters(), store.Where(store.OrganizationID, organizationID), func(c orrery.LogicalCluster) error {
		if !seen[c.PhysicalClusterID] {
			seen[c.PhysicalClusterID] = true
			places = append(places, c.PhysicalClusterID)
		}
		return nil
	})
	return places, err
}

// placesOfKey is placesOf for a Cloud key, and the place of its cluster for a cluster's key.
func (t *transaction) placesOfKey(key orrery.APIKey) ([]string, error) {
	if key.LogicalClusterID == "" {
		return t.placesOf(key.OrganizationID)
	}
	c, ok, err := find(t.LogicalClusters(), key.LogicalClusterID)
	if err != nil || !ok || c.PhysicalClusterID == "" {
		return nil, err
	}
	return []string{c.PhysicalClusterID}, nil
}

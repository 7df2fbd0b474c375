package mothership

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Keys of the compose queue are keys of desired records (psc/…, tenant/…, credential/…, binding/…) and these, which
// stand for many records.
const (
	composeAPIKey               = "key/"                  // + KEY: its credential wherever it is or is to be
	composeRoleBinding          = "rolebinding/"          // + rb-…: its binding wherever it is or is to be
	composeIdentityProvider     = "identityprovider/"     // + op-…: its record wherever it is or is to be
	composeIdentityPool         = "identitypool/"         // + pool-…: its record wherever it is or is to be
	composeCertificateAuthority = "certificateauthority/" // + op-…: its record wherever it is or is to be
	composeOrganization         = "organization/"         // + pkc-…/ORGANIZATION: all that eachShared has of one organization there
)

// ComposeStep recomputes queued desired records.
func (m *Mothership) ComposeStep(ctx context.Context, now time.Time) (time.Time, error) {
	return m.drain(ctx, now, LoopCompose, func(t *transaction, key string) error {
		t.compose(key)
		return nil
	})
}

// composeKey does one key of the compose queue.
func (t *transaction) composeKey(key string) error {
	switch kind, id, _ := strings.Cut(key, "/"); {
	case kind == orrery.DesiredPSC:
		t.compose(orrery.DesiredSaltKey + "/" + id)
		return t.composeRecord(key)
	case strings.HasPrefix(key, composeAPIKey):
		return t.composeAPIKey(strings.TrimPrefix(key, composeAPIKey))
	case strings.HasPrefix(key, composeRoleBinding):
		return t.composeRoleBinding(strings.TrimPrefix(key, composeRoleBinding))
	case strings.HasPrefix(key, composeIdentityProvider):
		p, ok, err := find(t.IdentityProviders(), id)
		if err != nil || !ok {
			return err
		}
		return t.composeShared(orrery.DesiredIdentityProvider, id, p.OrganizationID)
	case strings.HasPrefix(key, composeIdentityPool):
		p, ok, err := find(t.IdentityPools(), id)
		if err != nil || !ok {
			return err
		}
		return t.composeShared(orrery.DesiredIdentityPool, id, p.OrganizationID)
	case strings.HasPrefix(key, composeCertificateAuthority):
		a, ok, err := find(t.CertificateAuthorities(), id)
		if err != nil || !ok {
			return err
		}
		return t.composeShared(orrery.DesiredCertificateAuthority, id, a.OrganizationID)
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
	return t.composeShared(orrery.DesiredBinding, id, binding.OrganizationID)
}

// composeShared asks for the records of something of an organization wherever the organization has a cluster.
func (t *transaction) composeShared(kind, id, organizationID string) error {
	keys, err := t.sharedRecords(kind, id, organizationID)
	t.compose(keys...)
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
// of its clusters: Cloud keys, identity providers, certificate authorities and identity pools, and role bindings.
func (t *transaction) eachShared(pscID, organizationID string, f func(recordKey string) error) error {
	cloudKeys := store.Query{Where: map[store.Field]string{store.OrganizationID: organizationID, store.ResourceKind: orrery.APIKeyCloud}}
	err := each(t.APIKeys(), cloudKeys, func(k orrery.APIKey) error {
		return f(orrery.DesiredCredential + "/" + pscID + "/" + k.ID)
	})
	if err != nil {
		return err
	}
	all := store.Where(store.OrganizationID, organizationID)
	err = each(t.IdentityProviders(), all, func(p orrery.IdentityProvider) error {
		return f(orrery.DesiredIdentityProvider + "/" + pscID + "/" + p.ID)
	})
	if err != nil {
		return err
	}
	err = each(t.IdentityPools(), all, func(p orrery.IdentityPool) error {
		return f(orrery.DesiredIdentityPool + "/" + pscID + "/" + p.ID)
	})
	if err != nil {
		return err
	}
	err = each(t.CertificateAuthorities(), all, func(a orrery.CertificateAuthority) error {
		return f(orrery.DesiredCertificateAuthority + "/" + pscID + "/" + a.ID)
	})
	if err != nil {
		return err
	}
	return each(t.RoleBindings(), all, func(b orrery.RoleBinding) error {
		return f(orrery.DesiredBinding + "/" + pscID + "/" + b.ID)
	})
}

// composeRecord brings one desired record to what the state asks for. The generation rises only when the content
// changed, the record was removed or came back, or the term rose; a record that is not wanted stays, as Deleted,
// until nothing is left of it.
func (t *transaction) composeRecord(recordKey string) error {
	kind, id, _ := strings.Cut(recordKey, "/")
	pscID, document, err := t.wanted(kind, id)
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
		d = orrery.Desired{Kind: kind, ID: id, CreatedAt: t.now}
		if d.SatelliteID, err = t.satelliteOf(pscID); err != nil {
			return err
		}
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

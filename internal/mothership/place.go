package mothership

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/placement"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Keys of the place queue are ids of logical clusters, and placeWaiting + CURSOR: every cluster that has no place
// yet, from the cursor on.
const placeWaiting = "waiting/"

// PlaceStep decides where queued clusters go. One that fits nowhere waits until a satellite reports or room is
// made.
func (m *Mothership) PlaceStep(ctx context.Context, now time.Time) (time.Time, error) {
	var snapshot *regionSnapshot
	var of *transaction // whose snapshot it is: a transaction may be run again
	return m.drain(ctx, now, LoopPlace, func(t *transaction, key string) error {
		if cursor, ok := strings.CutPrefix(key, placeWaiting); ok {
			return t.queueWaiting(cursor)
		}
		c, ok, err := find(t.LogicalClusters(), key)
		if err != nil || !ok || c.State.Phase != orrery.PhasePending || c.PhysicalClusterID != "" {
			return err
		}
		if of != t || !snapshot.covers(c) {
			if snapshot, err = t.snapshot(c); err != nil {
				return err
			}
			of = t
		}
		return t.place(&snapshot.Snapshot, c)
	})
}

// waitingAgain has every cluster without a place looked at again.
func (t *transaction) waitingAgain() error { return t.enqueue(LoopPlace, placeWaiting) }

func (t *transaction) queueWaiting(cursor string) error {
	page, err := t.LogicalClusters().List(store.Query{
		Where: map[store.Field]string{store.PhysicalClusterID: "", store.Phase: string(orrery.PhasePending)},
		After: cursor, Limit: batch,
	})
	if err != nil {
		return err
	}
	for _, c := range page.Rows {
		if err := t.enqueue(LoopPlace, c.ID); err != nil {
			return err
		}
	}
	if page.Next == "" {
		return nil
	}
	return t.enqueue(LoopPlace, placeWaiting+page.Next)
}

// regionSnapshot is what placement looks at for the clusters of one region.
type regionSnapshot struct {
	placement.Snapshot
	cloud, region string
}

func (s *regionSnapshot) covers(c orrery.LogicalCluster) bool {
	return s.cloud == c.Cloud && s.region == c.Region
}

// snapshot gathers what placement looks at for a cluster: every satellite, and what is on those that serve its region.
// Dedicated clusters count on their satellites, and are no candidates.
func (t *transaction) snapshot(c orrery.LogicalCluster) (*regionSnapshot, error) {
	s := &regionSnapshot{cloud: c.Cloud, region: c.Region}
	err := each(t.Satellites(), store.Query{}, func(satellite orrery.Satellite) error {
		s.Satellites = append(s.Satellites, placement.Satellite{Satellite: satellite, Lost: lost(satellite)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range s.Satellites {
		satellite := &s.Satellites[i]
		if !satellite.Serves(c.Cloud, c.Region) {
			continue
		}
		err := each(t.PSCs(), store.Where(store.SatelliteID, satellite.ID), func(psc orrery.PSC) error {
			use, err := t.use(psc)
			satellite.Use = placement.Add(satellite.Use, placement.Add(volumes(psc.Spec), placement.OnSatellite(use)))
			if psc.Spec.Type == orrery.TypeMultiTenant && !psc.Deleted {
				s.Physical = append(s.Physical, physical(psc, use))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func physical(psc orrery.PSC, use orrery.Capacity) placement.Physical {
	return placement.Physical{
		ID: psc.ID, SatelliteID: psc.SatelliteID, Type: psc.Spec.Type, Cloud: psc.Spec.Cloud, Region: psc.Spec.Region,
		Deleted: psc.Deleted, Capacity: psc.Spec.Capacity, Use: use,
	}
}

// volumes is what the brokers of a physical cluster take of its satellite.
func volumes(spec orrery.PSCSpec) orrery.Capacity {
	return orrery.Capacity{Brokers: spec.Brokers, StorageBytes: int64(spec.Brokers) * spec.StorageBytes}
}

// use is what is reserved on a physical cluster; a cluster that is being deleted counts until it is gone.
func (t *transaction) use(psc orrery.PSC) (use orrery.Capacity, err error) {
	if psc.Spec.Type == orrery.TypeDedicated {
		return placement.Reservation(orrery.TypeDedicated), nil
	}
	for _, clusterType := range []string{orrery.TypeBasic, orrery.TypeStandard} {
		n, err := t.LogicalClusters().Count(store.Query{Where: map[store.Field]string{
			store.PhysicalClusterID: psc.ID, store.Type: clusterType,
		}})
		if err != nil {
			return use, err
		}
		use = placement.Add(use, placement.Times(placement.Reservation(clusterType), n))
	}
	return use, nil
}

// place decides about one cluster, stores the decision, and brings the snapshot up to date.
func (t *transaction) place(s *placement.Snapshot, c orrery.LogicalCluster) error {
	specs, request := t.partial(c)
	seed, err := t.seed()
	if err != nil {
		return err
	}
	decision := placement.Place(*s, request, seed)
	if decision.NewPhysicalCluster {
		if decision.PhysicalClusterID, err = t.build(s, decision.SatelliteID, specs); err != nil {
			return err
		}
	}
	decision.DecidedAt = t.now
	if err := t.keepDecision(decision); err != nil {
		return err
	}
	if decision.PhysicalClusterID == "" {
		return t.waitForPlace(c, placement.Wait(decision))
	}
	for i := range s.Satellites {
		if s.Satellites[i].ID == decision.SatelliteID {
			s.Satellites[i].Use = placement.Add(s.Satellites[i].Use, placement.OnSatellite(placement.Reservation(c.Type)))
		}
	}
	for i := range s.Physical {
		if s.Physical[i].ID == decision.PhysicalClusterID {
			s.Physical[i].Use = placement.Add(s.Physical[i].Use, placement.Reservation(c.Type))
		}
	}
	return t.moveIn(c, decision.PhysicalClusterID)
}

// moveIn gives a cluster its place, and everything that has to be there a record.
func (t *transaction) moveIn(c orrery.LogicalCluster, pscID string) error {
	c.PhysicalClusterID, c.State.Reason, c.UpdatedAt = pscID, "waiting for "+pscID, t.now
	if err := t.putCluster(c); err != nil {
		return err
	}
	t.compose(orrery.DesiredPSC+"/"+pscID, orrery.DesiredTenant+"/"+c.ID, composeOrganization+pscID+"/"+c.OrganizationID)
	t.settle(settleCluster + c.ID)
	return each(t.APIKeys(), store.Where(store.LogicalClusterID, c.ID), func(k orrery.APIKey) error {
		t.compose(composeAPIKey + k.ID)
		return nil
	})
}

func (t *transaction) waitForPlace(c orrery.LogicalCluster, reason string) error {
	if c.State.Reason == reason {
		return nil
	}
	c.State.Reason = reason
	t.changed = true
	return t.putCluster(c)
}

// keepDecision stores a decision, unless it says what the one before said.
func (t *transaction) keepDecision(d orrery.PlacementDecision) error {
	before, ok, err := find(t.PlacementDecisions(), d.LogicalClusterID)
	if err != nil {
		return err
	}
	if ok {
		same := before
		same.DecidedAt = d.DecidedAt
		if reflect.DeepEqual(same, d) {
			return nil
		}
	}
	return t.PlacementDecisions().Put(d)
}

// build makes the PSC of a new physical cluster.
func (t *transaction) build(s *placement.Snapshot, satelliteID string, specs map[string]completed) (string, error) {
	for i := range s.Satellites {
		satellite := &s.Satellites[i]
		if satellite.ID != satelliteID {
			continue
		}
		id, err := newID(t, t.PSCs(), prefixed(orrery.PrefixPhysicalKafka))
		if err != nil {
			return "", err
		}
		chosen := specs[satellite.Engine]
		psc := orrery.PSC{
			ID: id, SatelliteID: satelliteID, Spec: chosen.spec, Provenance: chosen.provenance, CreatedAt: t.now, UpdatedAt: t.now,
		}
		satellite.Use = placement.Add(satellite.Use, volumes(psc.Spec))
		if psc.Spec.Type == orrery.TypeMultiTenant {
			s.Physical = append(s.Physical, physical(psc, orrery.Capacity{}))
		}
		t.watch(satelliteID)
		return id, t.PSCs().Put(psc)
	}
	return "", fmt.Errorf("placement chose the satellite %q, which is not in its snapshot", satelliteID)
}

// completed is the spec of a new physical cluster on one engine.
type completed struct {
	spec       orrery.PSCSpec
	provenance map[string]string
}

// partial asks the profile what a new physical cluster for a cluster would be on each engine. An engine whose spec
// the check refuses cannot run it.
func (t *transaction) partial(c orrery.LogicalCluster) (map[string]completed, placement.Request) {
	partial := orrery.PSCSpec{Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: c.Cloud, Region: c.Region}
	if c.Dedicated() {
		partial.Type, partial.CKU = orrery.TypeDedicated, c.CKU
	}
	specs, request := map[string]completed{}, placement.Request{Cluster: c, New: map[string]placement.Footprint{}}
	for _, engine := range []string{orrery.EngineApache, orrery.EngineEmbedded} {
		chosen := engine == orrery.EngineApache && t.m.version != ""
		if partial.Version = ""; chosen {
			partial.Version = t.m.version
		}
		spec, provenance, err := profile.Complete(partial, t.m.profile, profile.Facts{Engine: engine})
		if err != nil {
			continue
		}
		if chosen {
			provenance["/version"] = profile.OperatorSays + "the release for new clusters"
		}
		if _, wrong := profile.FirstError(profile.Check(spec)); wrong {
			continue
		}
		specs[engine] = completed{spec, provenance}
		request.New[engine] = placement.Footprint{Brokers: spec.Brokers, StorageBytes: int64(spec.Brokers) * spec.StorageBytes}
	}
	return specs, request
}

func (t *transaction) seed() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(t.m.random, b[:]); err != nil {
		return 0, fmt.Errorf("reading a seed: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

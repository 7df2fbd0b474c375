package sim

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/placement"
	"github.com/orrery-kafka/orrery/internal/store"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// state is all that the mothership knows, read at once.
type state struct {
	clusters map[string]orrery.LogicalCluster
	keys     map[string]orrery.APIKey
	bindings map[string]orrery.RoleBinding
	pscs     map[string]orrery.PSC
	desired  map[string]orrery.Desired
	order    []string // keys of desired, oldest first
	psc      []string // ids of pscs, oldest first
	// records is how many records the state topic of each physical cluster should have.
	records map[string]int
}

// read reads the store.
func (w *World) read() state {
	s := state{
		clusters: map[string]orrery.LogicalCluster{}, keys: map[string]orrery.APIKey{}, bindings: map[string]orrery.RoleBinding{},
		pscs: map[string]orrery.PSC{}, desired: map[string]orrery.Desired{}, records: map[string]int{},
	}
	err := w.store.View(w.ctx, func(tx store.Tx) error {
		for _, read := range []func() error{
			func() error {
				return each(tx.LogicalClusters(), func(c orrery.LogicalCluster) { s.clusters[c.ID] = c })
			},
			func() error { return each(tx.APIKeys(), func(k orrery.APIKey) { s.keys[k.ID] = k }) },
			func() error { return each(tx.RoleBindings(), func(b orrery.RoleBinding) { s.bindings[b.ID] = b }) },
			func() error {
				return each(tx.PSCs(), func(p orrery.PSC) { s.pscs[p.ID] = p; s.psc = append(s.psc, p.ID) })
			},
			func() error {
				return each(tx.Desired(), func(d orrery.Desired) { s.desired[d.Key()] = d; s.order = append(s.order, d.Key()) })
			},
		} {
			if err := read(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.fail("the store cannot be read: %v", err)
	}
	for _, d := range s.desired {
		physicalClusterID, _, _ := strings.Cut(d.ID, "/")
		switch d.Kind {
		case orrery.DesiredPSC:
			continue
		case orrery.DesiredTenant:
			physicalClusterID = s.clusters[d.ID].PhysicalClusterID
		}
		s.records[physicalClusterID]++
	}
	return s
}

// each calls f with every row of a table, oldest first.
func each[T any](table store.Table[T], f func(T)) error {
	for q := (store.Query{}); ; {
		page, err := table.List(q)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			f(row)
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

// logical returns a logical cluster from the store.
func (w *World) logical(id string) (c orrery.LogicalCluster, ok bool) {
	if id == "" {
		return c, false
	}
	err := w.store.View(w.ctx, func(tx store.Tx) (err error) {
		c, err = tx.LogicalClusters().Get(id)
		return err
	})
	return c, err == nil
}

// checkAll checks what must hold at any time, of everything.
func (w *World) checkAll() {
	s := w.read()
	w.checkRoom(s)
	for _, site := range w.sites {
		for _, id := range site.physical() {
			w.checkPhysical(s, site, site.clusters[id])
		}
	}
	for _, t := range w.tenants.all {
		c, exists := s.clusters[t.id]
		switch psc, placed := s.pscs[c.PhysicalClusterID]; {
		case t.id != "" && !t.deleted && !exists:
			w.fail("the logical cluster %s (%s) is lost", t.id, t.name)
		case exists && c.State.Phase != orrery.PhaseDeleting && c.PhysicalClusterID != "" && (!placed || psc.Deleted):
			w.fail("the logical cluster %s is on %s, which is deleted", t.id, c.PhysicalClusterID)
		case exists && c.State.Phase != orrery.PhaseUsable && !waitsForRoom(c) && w.clock.now.Sub(c.State.Since) > longestWait:
			w.fail("the logical cluster %s is %s since %s: %s", t.id, c.State.Phase, stamp(c.State.Since.Sub(begin)), c.State.Reason)
		}
	}
	w.trace.add("check", "%d clusters on %d physical ones, %d desired records, %d steps", len(s.clusters), len(s.pscs), len(s.desired), w.steps)
}

// longestWait is how long a cluster may be on its way in or out: the longest faults take two hours, and some come one
// after another.
const longestWait = 12 * time.Hour

// checkRoom: nothing is filled over its capacity.
func (w *World) checkRoom(s state) {
	use, brokersOf := map[string]orrery.Capacity{}, map[string]int{}
	for _, t := range w.tenants.all {
		if c, ok := s.clusters[t.id]; ok && c.PhysicalClusterID != "" {
			use[c.PhysicalClusterID] = placement.Add(use[c.PhysicalClusterID], placement.Reservation(c.Type))
		}
	}
	for _, id := range s.psc {
		psc := s.pscs[id]
		if name, ok := placement.Fits(use[id], psc.Spec.Capacity); !ok {
			w.fail("%s is filled over its capacity: %s", id, name)
		}
		brokersOf[psc.SatelliteID] += psc.Spec.Brokers
	}
	for _, site := range w.sites {
		if n := brokersOf[site.id]; n > site.about.Capacity.Brokers {
			w.fail("%s has %d brokers and can carry %d", site.id, n, site.about.Capacity.Brokers)
		}
	}
}

// checkPhysical: what exists is somebody's, and is not ahead of what is desired.
func (w *World) checkPhysical(s state, site *site, c *cluster) {
	if psc, ok := s.pscs[c.id]; !ok || psc.SatelliteID != site.id {
		w.fail("%s is on %s and is nobody's", c.id, site.id)
	}
	for _, r := range c.tenantRecords() {
		var record tenancy.StateRecord
		if err := json.Unmarshal(r.Value, &record); err != nil {
			w.fail("the state record %s of %s cannot be read: %v", r.Key, c.id, err)
			return
		}
		d, known := s.desired[desiredKey(c.id, r.Key)]
		if known && record.Generation.Compare(d.Generation) > 0 {
			w.fail("%s of %s has generation %s, and %s is desired", r.Key, c.id, record.Generation, d.Generation)
		}
	}
}

// desiredKey is the key of the desired record behind a state record; "" of one that the satellite writes by itself.
func desiredKey(physicalClusterID, stateKey string) string {
	kind, id, err := tenancy.ParseStateKey(stateKey)
	switch {
	case err != nil:
		return ""
	case kind == tenancy.StateTenant:
		return orrery.DesiredTenant + "/" + id
	case kind == tenancy.StateSaltKey:
		return orrery.DesiredSaltKey + "/" + id
	case kind == tenancy.StateCredential:
		return orrery.DesiredCredential + "/" + physicalClusterID + "/" + id
	case kind == tenancy.StateBinding:
		return orrery.DesiredBinding + "/" + physicalClusterID + "/" + id
	}
	return ""
}

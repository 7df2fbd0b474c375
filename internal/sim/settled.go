package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// unsettled says what is not as it was asked for, the first ten of it; none where the platform has converged.
func (w *World) unsettled() []string {
	s := w.read()
	var wrong findings
	if w.control.mothership == nil {
		wrong.add("the mothership is down")
	}
	for _, t := range w.tenants.all {
		w.tenantSettled(s, t, &wrong)
	}
	for _, key := range s.order {
		w.desiredSettled(s.desired[key], &wrong)
	}
	for _, site := range w.sites {
		for _, name := range slices.Sorted(maps.Keys(site.files)) {
			if _, ok := s.pscs[strings.TrimSuffix(name, ".json")]; !ok && !site.recreated {
				wrong.add("%s still has %s in its ledger", site.id, name)
			}
		}
		for _, id := range site.physical() {
			w.physicalSettled(s, site.clusters[id], &wrong)
		}
		w.linkSettled(s, site, &wrong)
	}
	return wrong
}

// findings are the first of what is wrong.
type findings []string

func (f *findings) add(format string, args ...any) {
	if len(*f) < 10 {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}

func (w *World) tenantSettled(s state, t *tenant, wrong *findings) {
	c, exists := s.clusters[t.id]
	switch {
	case t.id == "" && t.refused == "":
		wrong.add("the creation of %s is not answered", t.name)
	case t.refused != "":
	case t.deleted && exists:
		wrong.add("%s (%s) was deleted and is still %s: %s", t.name, t.id, c.State.Phase, c.State.Reason)
	case !t.deleted && !exists:
		wrong.add("%s (%s) is lost", t.name, t.id)
	case !t.deleted && c.State.Phase != orrery.PhaseUsable && !waitsForRoom(c):
		wrong.add("%s (%s) is %s: %s", t.name, t.id, c.State.Phase, c.State.Reason)
	}
	for _, id := range t.keys {
		if k, ok := s.keys[id]; ok && k.State.Phase != orrery.PhaseUsable {
			wrong.add("the key %s of %s is %s: %s", id, t.name, k.State.Phase, k.State.Reason)
		}
	}
	for _, id := range t.bindings {
		if b, ok := s.bindings[id]; ok && b.State.Phase != orrery.PhaseUsable {
			wrong.add("the role binding %s of %s is %s: %s", id, t.name, b.State.Phase, b.State.Reason)
		}
	}
}

func (w *World) desiredSettled(d orrery.Desired, wrong *findings) {
	if d.Generation.Term < w.term {
		wrong.add("%s has generation %s, and the term is %d", d.Key(), d.Generation, w.term)
		return
	}
	if d.Deleted || d.Gone {
		wrong.add("%s was deleted and is not forgotten: generation %s, sent %s, observed %s applied=%v gone=%v %s", d.Key(), d.Generation, d.Published, d.Observed, d.Applied, d.Gone, d.Reason)
		return
	}
	if !d.InForce() {
		wrong.add("%s is not in force: generation %s, sent %s, observed %s %s", d.Key(), d.Generation, d.Published, d.Observed, d.Reason)
		return
	}
	if d.Kind != orrery.DesiredPSC {
		return // the state topics are gone through for these
	}
	var entry ledgerEntry
	site := w.byID[d.SatelliteID]
	if content := site.files[d.ID+".json"]; content == nil || json.Unmarshal(content, &entry) != nil || entry.Generation != d.Generation || entry.Hash != orrery.Hash(d.Content) {
		wrong.add("%s is said to be in force at %s, and the ledger of %s has %s", d.Key(), d.Generation, site.id, entry.Generation)
	}
	var spec orrery.PSCSpec
	c := site.clusters[d.ID]
	if json.Unmarshal(d.Content, &spec) != nil || c == nil || !reflect.DeepEqual(c.spec, spec) {
		wrong.add("%s is said to be in force, and is something else on %s", d.Key(), site.id)
	}
}

// physicalSettled: everything on a physical cluster serves, and is there because it is desired.
func (w *World) physicalSettled(s state, c *cluster, wrong *findings) {
	o := c.observe()
	if c.running() < len(c.brokers) || !o.Balancer.Running || !w.clock.now.Before(o.CertificateExpires) {
		wrong.add("%s has %d of %d brokers, balancer %v, a certificate until %v", c.id, c.running(), len(c.brokers), o.Balancer.Running, o.CertificateExpires)
	}
	w.nodesSettled(c, wrong)
	for _, g := range c.gateways {
		if !g.Serving || !g.live(w.clock.now) {
			wrong.add("gateway %d of %s does not serve: %s", g.Node, c.id, g.Message)
		}
	}
	known := 0
	for _, r := range c.tenantRecords() {
		key := desiredKey(c.id, r.Key)
		if key == "" {
			continue
		}
		var record tenancy.StateRecord
		d, ok := s.desired[key]
		if !ok && c.site.recreated && json.Unmarshal(r.Value, &record) == nil && record.Deleted {
			continue
		}
		if err := json.Unmarshal(r.Value, &record); err != nil || !ok || record.Generation != d.Generation || record.Hash != orrery.Hash(d.Content) {
			wrong.add("%s has %s of generation %s, and desired is %s", c.id, r.Key, record.Generation, d.Generation)
		}
		known++
	}
	if wanted := s.records[c.id]; known != wanted {
		wrong.add("%s has %d records, and %d are desired", c.id, known, wanted)
	}
	for _, prefix := range slices.Sorted(maps.Keys(c.data)) {
		if t := w.tenants.byID[strings.TrimSuffix(prefix, "_")]; t == nil || t.deleted {
			wrong.add("%s has data of %s, which is deleted", c.id, prefix)
		}
	}
}

// linkSettled: the link has nothing about what is gone.
func (w *World) linkSettled(s state, site *site, wrong *findings) {
	w.topics.Compact(true)
	for _, status := range []bool{false, true} {
		for _, key := range w.topics.Keys(status, site.id) {
			if _, ok := s.desired[key]; !ok && !site.recreated && key != orrery.ReportSatellite+"/"+site.id && key != orrery.ReportLease+"/"+site.id {
				wrong.add("the link has %s (status: %v) of %s, which is gone", key, status, site.id)
			}
		}
	}
}

// waitsForRoom reports whether a cluster can have no place, and says so.
func waitsForRoom(c orrery.LogicalCluster) bool {
	return c.State.Phase == orrery.PhasePending && c.PhysicalClusterID == "" && c.State.Reason != ""
}

// quietly has every loop take a step although nothing has happened, and returns what was written by that.
func (w *World) quietly() Counts {
	before := w.counts
	for _, name := range slices.Sorted(maps.Keys(w.control.loops)) {
		w.control.loops[name].nudge()
	}
	for _, s := range w.sites {
		s.changed()
	}
	w.run(w.clock.now.Add(time.Minute))
	return w.counts.minus(before)
}

func (c Counts) minus(other Counts) Counts {
	return Counts{
		Commits: c.Commits - other.Commits, Rows: c.Rows - other.Rows, LinkMessages: c.LinkMessages - other.LinkMessages,
		StateWrites: c.StateWrites - other.StateWrites, Actions: c.Actions - other.Actions, LedgerWrites: c.LedgerWrites - other.LedgerWrites,
	}
}

// freshCertificates gives every physical cluster a new certificate, so that none is due while nothing is to happen.
func (w *World) freshCertificates() {
	for _, s := range w.sites {
		for _, id := range s.physical() {
			s.clusters[id].issued = w.clock.now
		}
	}
}

// changes is how much was changed. A commit alone may be a queue's, or a satellite's report that it lives.
func (c Counts) changes() int {
	return c.Rows + c.LinkMessages + c.StateWrites + c.Actions + c.LedgerWrites
}

// converge ends every fault, and fails unless the platform then gets, in time, to what was asked for, and rests.
func (w *World) converge() {
	w.heal()
	healed := w.clock.now
	var wrong []string
	for {
		look := time.Second
		if w.clock.now.Sub(healed) >= time.Minute {
			look = 5 * time.Second // each look goes through everything
		}
		if !w.run(w.clock.now.Add(look)) {
			return
		}
		if wrong = w.unsettled(); len(wrong) == 0 {
			break
		}
		if w.clock.now.Sub(healed) > patience {
			w.fail("%v after the last fault it has not converged:\n  %s", patience, strings.Join(wrong, "\n  "))
			return
		}
	}
	w.took = w.clock.now.Sub(healed)
	w.checkAll()
	w.run(w.clock.now.Add(28 * time.Hour)) // what is done once a day, such as metering, is done
	w.freshCertificates()
	w.quietly()
	wrote := w.quietly()
	if wrote.changes() > 0 {
		w.fail("it has converged, and still writes when nothing happens: %+v", wrote)
	}
	before := w.counts
	if err := w.control.mothership.Resync(w.ctx); err != nil {
		w.fail("the full pass fails: %v", err)
	}
	w.run(w.clock.now.Add(time.Minute))
	if wrote = w.counts.minus(before); wrote.changes() > 0 {
		w.fail("it has converged, and a full pass still writes: %+v", wrote)
	}
}

// patience is how long the platform may take to converge once nothing goes wrong any more.
const patience = 15 * time.Minute

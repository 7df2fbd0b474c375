package mothership_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/store"
)

// sentSpec is the specification that was last composed of a physical cluster.
func (p *platform) sentSpec(id string) (orrery.PSCSpec, orrery.Generation) {
	p.Helper()
	d, ok := p.desired(orrery.DesiredPSC + "/" + id)
	if !ok {
		p.Fatalf("%s is not desired", id)
	}
	var spec orrery.PSCSpec
	p.ok(json.Unmarshal(d.Content, &spec))
	return spec, d.Generation
}

// apacheCluster is a usable Dedicated cluster on a satellite with room for ten brokers of Apache Kafka.
func apacheCluster(t *testing.T) (*platform, mothership.Cluster) {
	p := start(t, fixture{})
	p.register("*", "*", 10)
	p.settle()
	p.ok(p.store.Update(t.Context(), func(tx store.Tx) error {
		s, err := tx.Satellites().Get(satelliteID)
		if err != nil {
			return err
		}
		s.Engine = orrery.EngineApache
		return tx.Satellites().Put(s)
	}))
	return p, p.usableCluster("orders", orrery.TypeDedicated)
}

// More CKU make more brokers, in a new generation, and fewer fewer; a satellite that cannot carry them is not asked to.
func TestCKUDecideHowManyBrokers(t *testing.T) {
	p, c := apacheCluster(t)
	_, first := p.sentSpec(c.PhysicalClusterID)
	resize := func(cku int) error {
		_, err := p.m.UpdateCluster(t.Context(), p.admin, "", c.ID, mothership.ClusterChange{CKU: &cku})
		p.settle()
		return err
	}
	p.ok(resize(5))
	spec, second := p.sentSpec(c.PhysicalClusterID)
	if spec.Brokers != 5 || spec.CKU != 5 || second.Compare(first) <= 0 || p.clusterState(c.ID).Phase != orrery.PhaseUsable {
		t.Errorf("with 5 CKU generation %s after %s has %+v", second, first, spec)
	}
	if why := p.fails(resize(11), orrery.Unavailable); !strings.Contains(why, "no room for 6 more brokers") {
		t.Error(why)
	}
	p.fails(resize(0), orrery.Invalid)
	p.fails(resize(153), orrery.Invalid)
	p.ok(resize(2))
	if spec, third := p.sentSpec(c.PhysicalClusterID); spec.Brokers != 3 || third.Compare(second) <= 0 {
		t.Errorf("with 2 CKU generation %s after %s has %+v", third, second, spec)
	}
	p.ok(resize(2))
	if _, same := p.sentSpec(c.PhysicalClusterID); same.Number != second.Number+1 {
		t.Errorf("without a change it went from generation %s to %s", second, same)
	}
}

// What a platform engineer sets by hand is sent, has its provenance, survives what the profile says, and can be taken
// back; nobody else may, and what cannot be is refused.
func TestPhysicalClusterSetByHand(t *testing.T) {
	p, c := apacheCluster(t)
	id := c.PhysicalClusterID
	version, six, yes := "4.2.1", 6, true
	psc, err := p.m.UpdatePhysicalCluster(t.Context(), p.admin, id, mothership.PhysicalClusterChange{Version: &version, Brokers: &six, Paused: &yes})
	p.ok(err)
	p.settle()
	if spec, _ := p.sentSpec(id); spec.Version != "4.2.1" || spec.Brokers != 6 || !spec.Paused || !strings.HasPrefix(psc.Provenance["/version"], "operator: "+p.admin.PrincipalID) {
		t.Errorf("sent %+v, provenance %v", spec, psc.Provenance)
	}
	cku := 4
	_, err = p.m.UpdateCluster(t.Context(), p.admin, "", c.ID, mothership.ClusterChange{CKU: &cku})
	p.ok(err)
	p.settle()
	if spec, _ := p.sentSpec(id); spec.Version != "4.2.1" || spec.Brokers != 6 || spec.CKU != 4 {
		t.Errorf("after another CKU %+v is sent", spec)
	}
	none, zero, no := "", 0, false
	_, err = p.m.UpdatePhysicalCluster(t.Context(), p.admin, id, mothership.PhysicalClusterChange{Version: &none, Brokers: &zero, Paused: &no})
	p.ok(err)
	p.settle()
	if spec, _ := p.sentSpec(id); spec.Version != "4.3.1" || spec.Brokers != 4 || spec.Paused {
		t.Errorf("taken back, %+v is sent", spec)
	}
	old, two := "0.8.2", 2
	_, err = p.m.UpdatePhysicalCluster(t.Context(), p.admin, id, mothership.PhysicalClusterChange{Version: &old})
	p.fails(err, orrery.Invalid)
	_, err = p.m.UpdatePhysicalCluster(t.Context(), p.admin, id, mothership.PhysicalClusterChange{Brokers: &two})
	p.fails(err, orrery.Invalid)
	_, err = p.m.UpdatePhysicalCluster(t.Context(), p.admin, "pkc-nowhere", mothership.PhysicalClusterChange{Brokers: &six})
	p.fails(err, orrery.NotFound)
	_, err = p.m.UpdatePhysicalCluster(t.Context(), p.stranger(), id, mothership.PhysicalClusterChange{Brokers: &six})
	p.fails(err, orrery.Forbidden)
}

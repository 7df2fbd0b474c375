package mothership_test

import (
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
)

// What was on its way when the topics of a link were made again is lost with them. It is sent again once its satellite
// reports, and nothing else is.
func TestWhatIsLostWithTheLinkIsSentAgain(t *testing.T) {
	p := start(t, fixture{})
	kept, lost := p.usableCluster("kept", orrery.TypeBasic), p.usableCluster("lost", orrery.TypeBasic)
	p.satellite.mute = true
	_, err := p.m.DeleteCluster(t.Context(), p.admin, "", lost.ID)
	p.ok(err)
	p.settle()
	p.topics.Recreate(satelliteID)
	p.satellite.mute = false
	p.settle()
	if state := p.clusterState(lost.ID); state.Phase != orrery.PhaseDeleting || state.Applied {
		t.Fatalf("the deletion was not lost: %+v", state)
	}
	p.clock = p.clock.Add(10 * time.Minute)
	before := p.down.messages
	p.register("*", "*", 1000)
	p.settle()
	if _, err := p.m.ClusterState(t.Context(), lost.ID); orrery.ErrorCode(err) != orrery.NotFound {
		t.Errorf("the cluster whose deletion was lost is still there: %v", err)
	}
	if sent := p.down.messages - before; sent != 2 {
		t.Errorf("%d messages were sent; want the deletion and its tombstone", sent)
	}
	if p.clusterState(kept.ID).Phase != orrery.PhaseUsable {
		t.Error("the other cluster is not usable any more")
	}
	before = p.down.messages
	p.clock = p.clock.Add(10 * time.Minute)
	p.register("*", "*", 1000)
	p.settle()
	if sent := p.down.messages - before; sent != 0 {
		t.Errorf("although everything is answered, %d messages were sent", sent)
	}
}

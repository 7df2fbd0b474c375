package placement_test

import (
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/placement"
)

// TestLostAndKept: nothing new goes to a satellite that is not heard of, neither on a new physical cluster nor on one that
// is there; a satellite that is kept for somebody takes nobody else, and somebody for whom one is kept goes nowhere else.
func TestLostAndKept(t *testing.T) {
	lost := func(s placement.Satellite) placement.Satellite { s.Lost = "it is not heard of"; return s }
	labelled := func(s placement.Satellite, labels ...string) placement.Satellite {
		s.Labels = map[string]string{}
		for i := 0; i < len(labels); i += 2 {
			s.Labels[labels[i]] = labels[i+1]
		}
		return s
	}
	of := func(organization, environment string) placement.Request {
		r := request(orrery.TypeBasic, "r1")
		r.Cluster.OrganizationID, r.Cluster.EnvironmentID = organization, environment
		return r
	}
	one, two := satellite("sat-1", "AWS", "r1", 30, 0), satellite("sat-2", "AWS", "r1", 30, 0)
	for _, test := range []struct {
		name     string
		snapshot placement.Snapshot
		request  placement.Request
		where    string // "" is nowhere
		physical string // "" is a new one
		because  string
	}{
		{"the other one", placement.Snapshot{Satellites: []placement.Satellite{lost(one), two}}, of("o", "e"), "sat-2", "", "it is not heard of"},
		{"nobody", placement.Snapshot{Satellites: []placement.Satellite{lost(one)}}, of("o", "e"), "", "", "no satellite that serves AWS/r1 can take new clusters at the moment"},
		{"not on what is there", placement.Snapshot{Satellites: []placement.Satellite{lost(one), two}, Physical: []placement.Physical{shared("pkc-1", "sat-1", "r1", 1)}}, of("o", "e"), "sat-2", "", "it is not heard of"},
		{"kept for an organization", placement.Snapshot{Satellites: []placement.Satellite{labelled(one, "organization", "o"), two}}, of("o", "e"), "sat-1", "", "the cluster has to be where the label is organization=o"},
		{"kept for another", placement.Snapshot{Satellites: []placement.Satellite{labelled(one, "organization", "o"), two}}, of("p", "e"), "sat-2", "", "it is kept for others by its label organization=o"},
		{"kept for an environment", placement.Snapshot{Satellites: []placement.Satellite{labelled(one, "environment", "e"), two}, Physical: []placement.Physical{shared("pkc-2", "sat-2", "r1", 1), shared("pkc-1", "sat-1", "r1", 1)}}, of("o", "e"), "sat-1", "pkc-1", "the cluster has to be where the label is environment=e"},
		{"both labels, one of another", placement.Snapshot{Satellites: []placement.Satellite{labelled(one, "organization", "o", "environment", "f")}}, of("o", "e"), "", "", "it is kept for others by its label environment=f"},
		{"kept, and lost", placement.Snapshot{Satellites: []placement.Satellite{lost(labelled(one, "organization", "o")), two}}, of("o", "e"), "", "", "the cluster has to be where the label is organization=o"},
		{"kept elsewhere", placement.Snapshot{Satellites: []placement.Satellite{labelled(satellite("sat-3", "AWS", "r2", 30, 0), "organization", "o"), two}}, of("o", "e"), "sat-2", "", "it is for everybody"},
		{"other labels", placement.Snapshot{Satellites: []placement.Satellite{labelled(one, "zone", "a", "rack", "7")}}, of("o", "e"), "sat-1", "", "it is for everybody"},
	} {
		d := placement.Place(test.snapshot, test.request, 1)
		if d.SatelliteID != test.where || d.PhysicalClusterID != test.physical || d.NewPhysicalCluster != (test.where != "" && test.physical == "") {
			t.Errorf("%s: %+v", test.name, d)
		}
		found := false
		for _, r := range d.Reasons {
			found = found || strings.Contains(r.Message, test.because)
		}
		if !found {
			t.Errorf("%s: %q is not among the reasons: %+v", test.name, test.because, d.Reasons)
		}
	}
}

package placement_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/placement"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

func satellite(id, cloud, region string, brokers, used int) placement.Satellite {
	return placement.Satellite{
		Satellite: orrery.Satellite{ID: id, Cloud: cloud, Region: region, Engine: orrery.EngineEmbedded,
			Capacity: orrery.Capacity{Brokers: brokers, StorageBytes: 1 << 50, LogicalClusters: 500, Partitions: 1 << 20, Connections: 1 << 20,
				IngressBytesPerSecond: 1 << 40, EgressBytesPerSecond: 1 << 40}},
		Use: orrery.Capacity{Brokers: used},
	}
}

var room = orrery.Capacity{LogicalClusters: 100, Partitions: 1000, Connections: 1000,
	IngressBytesPerSecond: 1e9, EgressBytesPerSecond: 3e9, StorageBytes: 1 << 40, Brokers: 3}

func shared(id, satelliteID, region string, basics int) placement.Physical {
	return placement.Physical{
		ID: id, SatelliteID: satelliteID, Type: orrery.TypeMultiTenant, Cloud: "AWS", Region: region, Capacity: room,
		Use: placement.Times(placement.Reservation(orrery.TypeBasic), basics),
	}
}

func request(clusterType, region string) placement.Request {
	return placement.Request{
		Cluster: orrery.LogicalCluster{ID: "lkc-000001", OrganizationID: "o", Type: clusterType, Cloud: "AWS", Region: region},
		New:     map[string]placement.Footprint{orrery.EngineEmbedded: {Brokers: 3, StorageBytes: 1 << 30}},
	}
}

// TestGolden: one decision with all its reasons for each situation.
func TestGolden(t *testing.T) {
	kept := request(orrery.TypeBasic, "r1")
	kept.Cluster.PhysicalClusterID = "pkc-000001"
	noEngine := request(orrery.TypeBasic, "r1")
	noEngine.New = nil
	crowded := satellite("sat-1", "AWS", "r1", 30, 3)
	crowded.Use.LogicalClusters = 500
	one := []placement.Satellite{satellite("sat-1", "*", "*", 30, 0)}
	for _, test := range []struct {
		name     string
		snapshot placement.Snapshot
		request  placement.Request
	}{
		{"nothing there", placement.Snapshot{}, request(orrery.TypeBasic, "r1")},
		{"another region", placement.Snapshot{Satellites: []placement.Satellite{satellite("sat-1", "AWS", "r2", 30, 0)}}, request(orrery.TypeBasic, "r1")},
		{"first of all", placement.Snapshot{Satellites: one}, request(orrery.TypeBasic, "r1")},
		{"dedicated beside room", placement.Snapshot{Satellites: one, Physical: []placement.Physical{shared("pkc-1", "sat-1", "r1", 1)}}, request(orrery.TypeDedicated, "r1")},
		{"shares", placement.Snapshot{Satellites: one, Physical: []placement.Physical{shared("pkc-1", "sat-1", "r1", 10), shared("pkc-2", "sat-1", "r2", 0)}}, request(orrery.TypeStandard, "r1")},
		{"two choices", placement.Snapshot{Satellites: one, Physical: []placement.Physical{
			shared("pkc-1", "sat-1", "r1", 10), shared("pkc-2", "sat-1", "r1", 40), shared("pkc-3", "sat-1", "r1", 60)}}, request(orrery.TypeBasic, "r1")},
		{"beyond 70 percent", placement.Snapshot{Satellites: one, Physical: []placement.Physical{shared("pkc-1", "sat-1", "r1", 70)}}, request(orrery.TypeBasic, "r1")},
		{"no new one possible", placement.Snapshot{Satellites: []placement.Satellite{satellite("sat-1", "AWS", "r1", 4, 3)}, Physical: []placement.Physical{shared("pkc-1", "sat-1", "r1", 70)}}, request(orrery.TypeBasic, "r1")},
		{"full", placement.Snapshot{Satellites: []placement.Satellite{satellite("sat-1", "AWS", "r1", 4, 3)}, Physical: []placement.Physical{shared("pkc-1", "sat-1", "r1", 100)}}, request(orrery.TypeBasic, "r1")},
		{"kept", placement.Snapshot{Satellites: one, Physical: []placement.Physical{shared("pkc-000001", "sat-1", "r1", 100)}}, kept},
		{"satellite unknown", placement.Snapshot{Physical: []placement.Physical{shared("pkc-1", "sat-gone", "r1", 1)}}, request(orrery.TypeBasic, "r1")},
		{"satellite full of tenants", placement.Snapshot{Satellites: []placement.Satellite{crowded}, Physical: []placement.Physical{shared("pkc-1", "sat-1", "r1", 1)}}, request(orrery.TypeBasic, "r1")},
		{"no engine", placement.Snapshot{Satellites: one}, noEngine},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := placement.Place(test.snapshot, test.request, 1)
			var b strings.Builder
			fmt.Fprintf(&b, "physical %q satellite %q new %v\n", d.PhysicalClusterID, d.SatelliteID, d.NewPhysicalCluster)
			for _, r := range d.Reasons {
				fmt.Fprintf(&b, "%-30s %-10s %-8s %s\n", r.Rule, r.Candidate, r.Verdict, r.Message)
			}
			file := filepath.Join("testdata", strings.ReplaceAll(test.name, " ", "-")+".txt")
			if *rewrite {
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
		})
	}
}

// TestProperties: over random fleets nothing is ever filled over its capacity, placing again changes nothing, the
// same seed decides the same, and a new physical cluster is made only where none has headroom.
func TestProperties(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := placement.Snapshot{Satellites: []placement.Satellite{
			satellite("sat-1", "AWS", "r1", random.IntN(20), 0), satellite("sat-2", "*", "*", random.IntN(20), 0), satellite("sat-3", "GCP", "r1", 100, 0),
		}}
		for i := range 300 {
			r := request([]string{orrery.TypeBasic, orrery.TypeStandard, orrery.TypeDedicated}[random.IntN(3)], "r1")
			r.Cluster.ID = fmt.Sprint("lkc-", i)
			draw := random.Uint64()
			d := placement.Place(s, r, draw)
			if again := placement.Place(s, r, draw); !reflect.DeepEqual(d, again) {
				t.Fatalf("seed %d: %+v and then %+v", seed, d, again)
			}
			apply(t, &s, &r, d, fmt.Sprint("pkc-", i))
			if r.Cluster.PhysicalClusterID == "" {
				if placement.Wait(d) == "" {
					t.Fatalf("seed %d: nowhere, and no reason: %+v", seed, d)
				}
				continue
			}
			if kept := placement.Place(s, r, random.Uint64()); kept.PhysicalClusterID != r.Cluster.PhysicalClusterID || kept.NewPhysicalCluster {
				t.Fatalf("seed %d: placed again: %+v", seed, kept)
			}
		}
		for _, c := range s.Physical {
			if name, ok := placement.Fits(c.Use, c.Capacity); !ok {
				t.Fatalf("seed %d: %s is over its capacity in %s: %+v", seed, c.ID, name, c.Use)
			}
		}
		for _, satellite := range s.Satellites {
			if name, ok := placement.Fits(satellite.Use, satellite.Capacity); !ok {
				t.Fatalf("seed %d: %s is over its capacity in %s", seed, satellite.ID, name)
			}
			if satellite.Use.Brokers > satellite.Capacity.Brokers || satellite.ID == "sat-3" && satellite.Use.Brokers > 0 {
				t.Fatalf("seed %d: %+v", seed, satellite)
			}
		}
	}
}

// apply does what a decision says.
func apply(t *testing.T, s *placement.Snapshot, r *placement.Request, d orrery.PlacementDecision, newID string) {
	t.Helper()
	if d.NewPhysicalCluster {
		kind := orrery.TypeMultiTenant
		if r.Cluster.Dedicated() {
			kind = orrery.TypeDedicated
		}
		for _, c := range s.Physical {
			name, ok := placement.Fits(placement.Add(placement.Times(c.Use, 10), placement.Times(placement.Reservation(r.Cluster.Type), 10)), placement.Times(c.Capacity, 7))
			if kind == orrery.TypeMultiTenant && c.Type == kind && c.SatelliteID == d.SatelliteID && ok {
				t.Fatalf("a new one although %s has headroom (%s): %+v", c.ID, name, c.Use)
			}
		}
		d.PhysicalClusterID = newID
		s.Physical = append(s.Physical, placement.Physical{ID: newID, SatelliteID: d.SatelliteID, Type: kind, Cloud: "AWS", Region: "r1", Capacity: room})
		for i := range s.Satellites {
			if s.Satellites[i].ID == d.SatelliteID {
				s.Satellites[i].Use.Brokers += 3
			}
		}
	}
	r.Cluster.PhysicalClusterID = d.PhysicalClusterID
	for i := range s.Satellites {
		if s.Satellites[i].ID == d.SatelliteID {
			s.Satellites[i].Use = placement.Add(s.Satellites[i].Use, placement.OnSatellite(placement.Reservation(r.Cluster.Type)))
		}
	}
	for i := range s.Physical {
		if s.Physical[i].ID == d.PhysicalClusterID {
			s.Physical[i].Use = placement.Add(s.Physical[i].Use, placement.Reservation(r.Cluster.Type))
		}
	}
}

// TestReasonsAreBounded in a large fleet, and the summing-up is always among them.
func TestReasonsAreBounded(t *testing.T) {
	var s placement.Snapshot
	for i := range 1000 {
		s.Satellites = append(s.Satellites, satellite(fmt.Sprint("sat-", i), "AWS", "r1", 0, 0))
	}
	d := placement.Place(s, request(orrery.TypeBasic, "r1"), 1)
	if len(d.Reasons) > 100 || !strings.Contains(placement.Wait(d), "none of the 1000 satellites") {
		t.Fatalf("%d reasons, %q", len(d.Reasons), placement.Wait(d))
	}
}

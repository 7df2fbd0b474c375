package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const physicalClustersPath = "/orrery/v1/physical-clusters"

func (s *server) physicalClusterRoutes() []route {
	return []route{
		{"GET", physicalClustersPath, "listPhysicalClusters", "List physical clusters (PSCs)", paged(), 200, with(s.listPhysicalClusters), false},
		{"GET", physicalClustersPath + "/{id}", "getPhysicalCluster", "Read a physical cluster: desired state with provenance, and observed state", nil, 200, with(s.getPhysicalCluster), false},
		{"PATCH", physicalClustersPath + "/{id}", "updatePhysicalCluster", "Set the version, the number of brokers, a pause or the bake time of a physical cluster by hand; a zero value leaves it to the profile again", nil, 200, with(s.updatePhysicalCluster), false},
	}
}

func (s *server) listPhysicalClusters(c *call, _ none) (wire.List[wire.PhysicalCluster], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.PhysicalCluster]{}, err
	}
	rows, err := s.mothership.ListPhysicalClusters(c.ctx, c.actor, page)
	return listing(c, wire.OrreryV1, wire.KindPhysicalCluster, rows, c.physicalCluster), err
}

func (s *server) getPhysicalCluster(c *call, _ none) (wire.PhysicalCluster, error) {
	p, err := s.mothership.PhysicalCluster(c.ctx, c.actor, c.pathID())
	return c.physicalCluster(p), err
}

func (s *server) updatePhysicalCluster(c *call, in wire.PhysicalClusterUpdate) (wire.PhysicalCluster, error) {
	p, err := s.mothership.UpdatePhysicalCluster(c.ctx, c.actor, c.pathID(), mothership.PhysicalClusterChange{
		Version: in.Spec.Version, Brokers: in.Spec.Brokers, Paused: in.Spec.Paused, BakeSeconds: in.Spec.BakeSeconds,
	})
	return c.physicalCluster(p), err
}

func (c *call) physicalCluster(p mothership.PhysicalCluster) wire.PhysicalCluster {
	ready := orrery.Unknown
	if condition, ok := orrery.FindCondition(p.Status.Conditions, orrery.ConditionReady); ok && p.Status.ObservedGeneration.Compare(p.Generation) >= 0 {
		ready = condition.Status
	}
	out := wire.PhysicalCluster{
		APIVersion: wire.OrreryV1, Kind: wire.KindPhysicalCluster, ID: p.ID,
		Metadata:   c.metadata(physicalClustersPath, p.ID, orrery.CRN{}, p.CreatedAt, p.UpdatedAt),
		Generation: p.Generation, Deleted: p.Deleted, Spec: p.Spec, Provenance: p.Provenance,
		LogicalClusters: p.LogicalClusters,
		Status: wire.PhysicalClusterStatus{
			Ready: ready, ObservedGeneration: p.Status.ObservedGeneration, PublishedGeneration: p.Desired.Published, Reason: p.Desired.Reason,
			Conditions: orEmpty(p.Status.Conditions), Endpoints: p.Status.Endpoints, Brokers: orEmpty(p.Status.Brokers),
		},
	}
	if satellite := c.orreryReference(satellitesPath, wire.KindSatellite, p.SatelliteID); satellite != nil {
		out.Satellite = *satellite
	}
	if out.Provenance == nil {
		out.Provenance = map[string]string{}
	}
	return out
}

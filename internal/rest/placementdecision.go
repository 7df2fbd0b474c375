package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

const placementDecisionsPath = "/orrery/v1/placement-decisions"

func (s *server) placementDecisionRoutes() []route {
	return []route{
		{"GET", placementDecisionsPath, "listPlacementDecisions", "List where logical clusters were put", paged(), 200, with(s.listPlacementDecisions), false},
		{"GET", placementDecisionsPath + "/{id}", "getPlacementDecision", "Read where a logical cluster, whose id it is, was put and why", nil, 200, with(s.getPlacementDecision), false},
	}
}

func (s *server) listPlacementDecisions(c *call, _ none) (wire.List[wire.PlacementDecision], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.PlacementDecision]{}, err
	}
	rows, err := s.mothership.ListPlacementDecisions(c.ctx, c.actor, page)
	return listing(c, wire.OrreryV1, wire.KindPlacementDecision, rows, c.placementDecision), err
}

func (s *server) getPlacementDecision(c *call, _ none) (wire.PlacementDecision, error) {
	d, err := s.mothership.PlacementDecision(c.ctx, c.actor, c.pathID())
	return c.placementDecision(d), err
}

func (c *call) placementDecision(d orrery.PlacementDecision) wire.PlacementDecision {
	out := wire.PlacementDecision{
		APIVersion: wire.OrreryV1, Kind: wire.KindPlacementDecision, ID: d.LogicalClusterID,
		Metadata:           c.metadata(placementDecisionsPath, d.LogicalClusterID, orrery.CRN{}, d.DecidedAt, d.DecidedAt),
		PhysicalCluster:    c.orreryReference(physicalClustersPath, wire.KindPhysicalCluster, d.PhysicalClusterID),
		Satellite:          c.orreryReference(satellitesPath, wire.KindSatellite, d.SatelliteID),
		NewPhysicalCluster: d.NewPhysicalCluster, Reasons: orEmpty(d.Reasons),
	}
	if cluster := c.orreryReference(logicalClustersPath, wire.KindLogicalCluster, d.LogicalClusterID); cluster != nil {
		out.LogicalCluster = *cluster
	}
	return out
}

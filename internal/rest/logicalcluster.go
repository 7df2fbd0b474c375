package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const logicalClustersPath = "/orrery/v1/logical-clusters"

func (s *server) logicalClusterRoutes() []route {
	return []route{
		{"GET", logicalClustersPath + "/{id}", "getLogicalCluster", "Read how far a cluster is, and why it is not further", nil, 200, with(s.getLogicalCluster), false},
	}
}

func (s *server) getLogicalCluster(c *call, _ none) (wire.LogicalCluster, error) {
	k, err := s.mothership.Cluster(c.ctx, c.actor, "", c.pathID())
	return c.logicalCluster(k), err
}

func (c *call) logicalCluster(k mothership.Cluster) wire.LogicalCluster {
	out := wire.LogicalCluster{
		APIVersion: wire.OrreryV1, Kind: wire.KindLogicalCluster, ID: k.ID,
		Metadata:    c.metadata(logicalClustersPath, k.ID, k.CRN(), k.CreatedAt, k.UpdatedAt),
		DisplayName: k.DisplayName, Environment: c.environmentReference(k.OrganizationID, k.EnvironmentID),
		Status: wire.LogicalClusterStatus{
			Phase: phase(k.State), State: k.State, MaxPartitions: int(k.Quotas.Partitions),
			PhysicalCluster: c.orreryReference(physicalClustersPath, wire.KindPhysicalCluster, k.PhysicalClusterID),
			Conditions:      []orrery.Condition{},
		},
	}
	if k.Ready.Type != "" {
		out.Status.Conditions = append(out.Status.Conditions, k.Ready)
	}
	return out
}

package rest

import (
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

func (s *server) quotaRoutes() []route {
	return []route{
		{"GET", logicalClustersPath + "/{id}/quotas", "getLogicalClusterQuotas", "Read what a cluster may use, and which rule says so", nil, 200, with(s.getLogicalClusterQuotas), false},
	}
}

func (s *server) getLogicalClusterQuotas(c *call, _ none) (wire.LogicalClusterQuotas, error) {
	k, err := s.mothership.Cluster(c.ctx, c.actor, "", c.pathID())
	return c.quotas(k), err
}

func (c *call) quotas(k mothership.Cluster) wire.LogicalClusterQuotas {
	out := wire.LogicalClusterQuotas{
		APIVersion: wire.OrreryV1, Kind: wire.KindLogicalClusterQuotas, ID: k.ID,
		Metadata: c.metadata(logicalClustersPath, k.ID+"/quotas", k.CRN(), k.CreatedAt, k.UpdatedAt),
		Quotas:   []wire.Quota{},
	}
	for _, q := range k.Quotas.List() {
		out.Quotas = append(out.Quotas, wire.Quota{Name: q.Name, Value: q.Value, Unit: q.Unit, Meaning: q.Meaning, Source: k.QuotaSources[q.Name]})
	}
	return out
}

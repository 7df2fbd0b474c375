package rest

import (
	"time"

	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

func (s *server) usageRoutes() []route {
	return []route{
		{"GET", logicalClustersPath + "/{id}/usage", "getLogicalClusterUsage", "Read what a cluster has used since it was made", nil, 200, with(s.getLogicalClusterUsage), false},
	}
}

func (s *server) getLogicalClusterUsage(c *call, _ none) (wire.LogicalClusterUsage, error) {
	u, err := s.mothership.Usage(c.ctx, c.actor, c.pathID())
	return c.usage(u), err
}

func (c *call) usage(u mothership.ClusterUsage) wire.LogicalClusterUsage {
	out := wire.LogicalClusterUsage{
		APIVersion: wire.OrreryV1, Kind: wire.KindLogicalClusterUsage, ID: u.ID,
		Metadata: c.metadata(logicalClustersPath, u.ID+"/usage", u.CRN(), u.CreatedAt, u.UpdatedAt),
		Usage:    []wire.Use{},
	}
	for _, use := range u.Usage.List() {
		out.Usage = append(out.Usage, wire.Use{Name: use.Name, Value: use.Value, Unit: use.Unit, Meaning: use.Meaning, AsOf: known(use.At)})
	}
	return out
}

// known returns a time, or nil where there is none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

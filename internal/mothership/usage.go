package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// ClusterUsage is a logical cluster with what it has used; Usage is zero while nothing is known.
type ClusterUsage struct {
	orrery.LogicalCluster
	Usage orrery.UsageReport
}

// Usage returns what a logical cluster has used, as its satellite reported it last. It can be asked for until nothing is
// left of a cluster that was deleted.
func (m *Mothership) Usage(ctx context.Context, actor Actor, id string) (out ClusterUsage, err error) {
	err = m.view(ctx, actor, func(t *transaction) error {
		if out.LogicalCluster, err = t.cluster(authz.View, "", id); err != nil {
			return err
		}
		d, _, err := find(t.Desired(), orrery.DesiredTenant+"/"+id)
		if d.Usage != nil {
			out.Usage = *d.Usage
		}
		return err
	})
	return out, err
}

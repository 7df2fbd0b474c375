package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// ListGroups: v0-5
//
// Behavior:
// * The broker lists the groups of every tenant; those of others are left out.
// * With DESCRIBE on the cluster every group of the tenant, without it those with DESCRIBE on the group.
//
// Version notes:
// * v4: filter by state
// * v5: filter by type
func listGroups(_ context.Context, s *session, r *kmsg.ListGroupsRequest) (step, error) {
	return forwarded(r, func(response *kmsg.ListGroupsResponse) error {
		response.Groups = own(s, response.Groups, func(g *kmsg.ListGroupsResponseGroup) *string { return &g.Group })
		if s.allowed(authz.Describe, orrery.CRNKafka, "") {
			return nil
		}
		response.Groups, _ = sift(response.Groups, func(g *kmsg.ListGroupsResponseGroup) (struct{}, bool) {
			return struct{}{}, s.groupError(authz.Describe, g.Group) != 0
		})
		return nil
	}), nil
}

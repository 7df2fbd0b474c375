package gateway

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// ListGroups: v0-5
//
// Behavior:
// * The broker lists the groups of every tenant, so the gateway asks for all of them on its own connection, once for
// all connections that want to know at the same time, and answers each with its tenant's. A listing that began before
// a request came is never the answer to it.
// * With DESCRIBE on the cluster every group of the tenant, without it those with DESCRIBE on the group.
// * The filters are Apache Kafka's: states and types in any case, an unknown one matches nothing.
// * A broker that cannot be asked is COORDINATOR_NOT_AVAILABLE.
//
// Version notes:
// * v4: filter by state
// * v5: filter by type
func listGroups(ctx context.Context, s *session, r *kmsg.ListGroupsRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.ListGroupsResponse)
	listing, err := s.gateway.groups.of(s.node).get(ctx)
	switch {
	case ctx.Err() != nil:
		return step{}, context.Cause(ctx)
	case err != nil:
		s.gateway.warn("cannot list the broker's groups", err)
		response.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return answered(response), nil
	}
	response.ErrorCode = listing.code
	all := s.allowed(authz.Describe, orrery.CRNKafka, "")
	for _, g := range listing.groups[s.LogicalClusterID] {
		name, ok := s.logical(g.Group)
		visible := ok && (all || s.groupError(authz.Describe, name) == 0)
		if visible && matchesFilter(r.StatesFilter, g.GroupState) && matchesFilter(r.TypesFilter, g.GroupType) {
			g.Group = name
			response.Groups = append(response.Groups, g)
		}
	}
	return answered(response), nil
}

// matchesFilter reports whether a filter, which may be empty, lets a value pass.
func matchesFilter(filter []string, value string) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(wanted string) bool { return strings.EqualFold(wanted, value) })
}

// groupListing are the groups that a broker coordinates. It never changes.
type groupListing struct {
	code   int16
	groups map[string][]kmsg.ListGroupsResponseGroup // lkc-… -> with physical names
}

// askGroups lists the groups of all tenants at a broker.
func (g *Gateway) askGroups(ctx context.Context, node int32) (*groupListing, error) {
	answer, err := g.control.requestAt(ctx, node, listGroupsRequest{kmsg.NewPtrListGroupsRequest()})
	if err != nil {
		return nil, err
	}
	response := answer.(listGroupsResponse)
	listing := &groupListing{code: response.ErrorCode, groups: map[string][]kmsg.ListGroupsResponseGroup{}}
	for i, group := range response.Groups {
		if tenant, ok := tenancy.TenantOf(group.Group); ok && listing.groups[tenant] == nil {
			listing.groups[tenant] = response.Groups[i : i+1 : i+1] // most have one
		} else if ok {
			listing.groups[tenant] = append(listing.groups[tenant], group)
		}
	}
	return listing, nil
}

// listGroupsRequest has an answer whose texts are parts of the answer's bytes: there are four for each group of every
// tenant.
type listGroupsRequest struct{ *kmsg.ListGroupsRequest }

func (r listGroupsRequest) ResponseKind() kmsg.Response {
	return listGroupsResponse{r.ListGroupsRequest.ResponseKind().(*kmsg.ListGroupsResponse)}
}

type listGroupsResponse struct{ *kmsg.ListGroupsResponse }

func (r listGroupsResponse) ReadFrom(body []byte) error { return r.UnsafeReadFrom(bytes.Clone(body)) }

package gateway

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DeleteAcls: v1-3
//
// Behavior:
// * ALTER on the cluster, else CLUSTER_AUTHORIZATION_FAILED for each filter.
// * Deletes what the filters select of the tenant's ACLs, which may be nothing; an ACL that two filters select is in
// both answers.
// * A number that Kafka does not know refuses the whole request with INVALID_REQUEST, where a broker closes the
// connection.
// * What is deleted counts no more on this gateway when it answers, on the cluster's others moments later.
// * One that could not be deleted in time is REQUEST_TIMED_OUT.
//
// Version notes:
// * v1: pattern types (KIP-290)
func deleteACLs(ctx context.Context, s *session, r *kmsg.DeleteACLsRequest) (step, error) {
	filters := make([]authz.Filter, len(r.Filters))
	var code int16
	var why string
	for i, f := range r.Filters {
		filters[i] = aclFilter(f.ResourceType, f.ResourceName, f.ResourcePatternType, f.Principal, f.Host, f.Operation, f.PermissionType)
		if filters[i].HasUnknown() {
			code, why = kerr.InvalidRequest.Code, unknownACLs
		}
	}
	if code == 0 && !s.mayAdministerACLs(authz.Alter) {
		code, why = kerr.ClusterAuthorizationFailed.Code, fmt.Sprintf(clusterDenied, authz.Alter)
	}
	response := r.ResponseKind().(*kmsg.DeleteACLsResponse)
	for range filters {
		result := kmsg.NewDeleteACLsResponseResult()
		if code != 0 {
			result.ErrorCode, result.ErrorMessage = code, &why
		}
		response.Results = append(response.Results, result)
	}
	if code == 0 {
		s.deleteACLs(ctx, filters, response.Results)
	}
	return answered(response), nil
}

// deleteACLs deletes what the filters select and says so in the results.
func (s *session) deleteACLs(ctx context.Context, filters []authz.Filter, results []kmsg.DeleteACLsResponseResult) {
	policy := s.policy()
	var all []authz.ACL // each once
	place := map[authz.ACL]int{}
	selected := make([][]authz.ACL, len(filters))
	for i, f := range filters {
		selected[i] = policy.ACLs(f)
		for _, acl := range selected[i] {
			if _, twice := place[acl]; !twice {
				place[acl] = len(all)
				all = append(all, acl)
			}
		}
	}
	errs := s.writeACLs(ctx, all, true)
	for i := range results {
		for _, acl := range selected[i] {
			deleted := kmsg.NewDeleteACLsResponseResultMatchingACL()
			deleted.ErrorCode, deleted.ErrorMessage = aclError(errs[place[acl]])
			deleted.ResourceType, deleted.ResourceName = kmsg.ACLResourceType(acl.ResourceType), acl.ResourceName
			deleted.ResourcePatternType = kmsg.ACLResourcePatternType(acl.PatternType)
			deleted.Principal, deleted.Host = acl.Principal, acl.Host
			deleted.Operation, deleted.PermissionType = kmsg.ACLOperation(acl.Operation), kmsg.ACLPermissionType(acl.Permission)
			results[i].MatchingACLs = append(results[i].MatchingACLs, deleted)
		}
	}
}

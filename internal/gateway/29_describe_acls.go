package gateway

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DescribeAcls: v1-3
//
// Behavior:
// * DESCRIBE on the cluster, else CLUSTER_AUTHORIZATION_FAILED.
// * The ACLs are the gateway's own, so no filter reaches a broker: a null or MATCH is about the tenant's ACLs alone.
// * A number that Kafka does not know is INVALID_REQUEST, where a broker closes the connection.
//
// Version notes:
// * v1: pattern types (KIP-290)
func describeACLs(_ context.Context, s *session, r *kmsg.DescribeACLsRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.DescribeACLsResponse)
	filter := aclFilter(r.ResourceType, r.ResourceName, r.ResourcePatternType, r.Principal, r.Host, r.Operation, r.PermissionType)
	switch {
	case filter.HasUnknown():
		response.ErrorCode, response.ErrorMessage = kerr.InvalidRequest.Code, kmsg.StringPtr(unknownACLs)
	case !s.mayAdministerACLs(authz.Describe):
		response.ErrorCode, response.ErrorMessage = kerr.ClusterAuthorizationFailed.Code, kmsg.StringPtr(fmt.Sprintf(clusterDenied, authz.Describe))
	default:
		response.Resources = aclResources(s.policy().ACLs(filter))
	}
	return answered(response), nil
}

// aclResources groups ACLs, which are in the order of their resources, by resource.
func aclResources(acls []authz.ACL) []kmsg.DescribeACLsResponseResource {
	var all []kmsg.DescribeACLsResponseResource
	for i, acl := range acls {
		if last := i - 1; last < 0 || acl.ResourceType != acls[last].ResourceType || acl.ResourceName != acls[last].ResourceName || acl.PatternType != acls[last].PatternType {
			resource := kmsg.NewDescribeACLsResponseResource()
			resource.ResourceType, resource.ResourceName = kmsg.ACLResourceType(acl.ResourceType), acl.ResourceName
			resource.ResourcePatternType = kmsg.ACLResourcePatternType(acl.PatternType)
			all = append(all, resource)
		}
		entry := kmsg.NewDescribeACLsResponseResourceACL()
		entry.Principal, entry.Host = acl.Principal, acl.Host
		entry.Operation, entry.PermissionType = kmsg.ACLOperation(acl.Operation), kmsg.ACLPermissionType(acl.Permission)
		resource := &all[len(all)-1]
		resource.ACLs = append(resource.ACLs, entry)
	}
	return all
}

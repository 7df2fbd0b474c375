package gateway

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// The texts with which Kafka refuses are of its own making; these say more.
const (
	clusterDenied = "Cluster authorization failed: this needs %s on the cluster."
	unknownACLs   = "The request has an unknown resource type, pattern type, operation or permission."
)

// mayAdministerACLs reports whether the session may do action to the cluster's ACLs. A DENY cannot take that from who
// administers the cluster by a role: else one on the cluster for everyone would lock all out for ever.
func (s *session) mayAdministerACLs(action authz.Action) bool {
	question := s.question(action, orrery.CRNKafka, "")
	policy := s.policy()
	return policy.Authorize(question).Allowed || policy.AuthorizeByRole(question).Allowed
}

// aclFilter is the filter of DescribeAcls or DeleteAcls.
func aclFilter(resourceType kmsg.ACLResourceType, name *string, pattern kmsg.ACLResourcePatternType, principal, host *string, operation kmsg.ACLOperation, permission kmsg.ACLPermissionType) authz.Filter {
	return authz.Filter{
		ResourceType: authz.ResourceType(resourceType), ResourceName: name, PatternType: authz.PatternType(pattern),
		Principal: principal, Host: host, Operation: authz.Operation(operation), Permission: authz.Permission(permission),
	}
}

// aclError is what Kafka says of an ACL or a filter that is refused.
func aclError(err error) (code int16, why *string) {
	switch {
	case err == nil:
		return 0, nil
	case orrery.ErrorCode(err) == orrery.Invalid:
		return kerr.InvalidRequest.Code, kmsg.StringPtr(orrery.ErrorMessage(err))
	case orrery.ErrorCode(err) == orrery.Forbidden:
		return kerr.PolicyViolation.Code, kmsg.StringPtr(orrery.ErrorMessage(err))
	}
	return kerr.RequestTimedOut.Code, kmsg.StringPtr(err.Error())
}

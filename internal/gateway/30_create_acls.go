package gateway

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// CreateAcls: v1-3
//
// Behavior:
// * ALTER on the cluster, else CLUSTER_AUTHORIZATION_FAILED for each.
// * What is invalid is INVALID_REQUEST, one by one. A number that Kafka does not know refuses the whole request so,
// where a broker closes the connection.
// * More ACLs than the cluster may have are POLICY_VIOLATION: all that the request would add, or none.
// * They are in force on this gateway when it answers, on the cluster's others within moments, as with Kafka's brokers.
// * One that could not be written in time is REQUEST_TIMED_OUT.
//
// Version notes:
// * v1: pattern types (KIP-290)
func createACLs(ctx context.Context, s *session, r *kmsg.CreateACLsRequest) (step, error) {
	acls := make([]authz.ACL, len(r.Creations))
	unknown := false
	for i, c := range r.Creations {
		acls[i] = aclOfCreation(&c)
		unknown = unknown || acls[i].HasUnknown()
	}
	response := r.ResponseKind().(*kmsg.CreateACLsResponse)
	response.Results = make([]kmsg.CreateACLsResponseResult, len(acls))
	var errs []error
	switch {
	case unknown:
		errs = allOf(len(acls), orrery.Errorf(orrery.Invalid, unknownACLs))
	case !s.mayCreateACLs():
		for i := range response.Results {
			response.Results[i].ErrorCode = kerr.ClusterAuthorizationFailed.Code
			response.Results[i].ErrorMessage = kmsg.StringPtr(fmt.Sprintf(clusterDenied, authz.Alter))
		}
		return answered(response), nil
	default:
		errs = s.createACLs(ctx, acls)
	}
	for i, err := range errs {
		response.Results[i].ErrorCode, response.Results[i].ErrorMessage = aclError(err)
	}
	return answered(response), nil
}

func (s *session) mayCreateACLs() bool { return s.allowed(authz.Alter, orrery.CRNKafka, "") }

// allOf is the same error n times.
func allOf(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// createACLs writes those that are valid.
func (s *session) createACLs(ctx context.Context, acls []authz.ACL) []error {
	errs := make([]error, len(acls))
	var valid []authz.ACL // each once
	place := map[authz.ACL]int{}
	for i, acl := range acls {
		if errs[i] = acl.Validate(); errs[i] != nil {
			continue
		}
		if _, twice := place[acl]; !twice {
			place[acl] = len(valid)
			valid = append(valid, acl)
		}
	}
	written := s.addACLs(ctx, valid)
	for i, acl := range acls {
		if errs[i] == nil {
			errs[i] = written[place[acl]]
		}
	}
	return errs
}

// addACLs writes different ACLs as far as the cluster has room for them.
func (s *session) addACLs(ctx context.Context, acls []authz.ACL) []error {
	ids := make([]string, len(acls))
	for i, acl := range acls {
		ids[i] = acl.ID()
	}
	most := s.tenant.Quotas.ACLs
	if most <= 0 {
		most = mostACLs
	}
	inForce := func() (int, func(string) bool) {
		present := s.gateway.state.Load().acls(s.LogicalClusterID)
		return present.size, func(id string) bool { _, there := present.get(id); return there }
	}
	has, added, ok := s.gateway.roomForACLs.reserve(inForce, s.LogicalClusterID, ids, most)
	if !ok {
		return allOf(len(acls), orrery.Errorf(orrery.Forbidden,
			"The cluster may have %d ACLs and has %d; these would be %d more. Delete some, or let one with a prefix, or a role binding, stand for many.",
			most, has, added))
	}
	defer s.gateway.roomForACLs.release(s.LogicalClusterID, ids)
	return s.writeACLs(ctx, acls, false)
}

package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// DescribeClientQuotas: v0-1
//
// Behavior:
// * DESCRIBE_CONFIGS on the cluster, else CLUSTER_AUTHORIZATION_FAILED.
// * The quotas are the gateway's own (KIP-546), so no filter reaches a broker: an empty one is all of the tenant's.
// * A user is named as its principal without "User:", sa-… or u-… or pool-….
// * There are no quotas of addresses, so a filter for them finds nothing.
// * An entity type that Kafka does not have is UNSUPPORTED_VERSION, any other mistake INVALID_REQUEST.
//
// Version notes:
// * v1: flexible
func describeClientQuotas(_ context.Context, s *session, r *kmsg.DescribeClientQuotasRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.DescribeClientQuotasResponse)
	refuse := func(code int16, why string) (step, error) {
		response.ErrorCode, response.ErrorMessage, response.Entries = code, &why, nil
		return answered(response), nil
	}
	if !s.allowed(authz.DescribeConfigs, orrery.CRNKafka, "") {
		return refuse(kerr.ClusterAuthorizationFailed.Code, fmt.Sprintf(clusterDenied, authz.DescribeConfigs))
	}
	filter := make([]quota.Component, len(r.Components))
	for i, c := range r.Components {
		filter[i] = quota.Component{Type: c.EntityType, MatchType: int8(c.MatchType), Match: c.Match}
	}
	entries, err := s.gateway.state.Load().clientQuotasOf(s.LogicalClusterID).quotas.Describe(filter, r.Strict)
	if err != nil {
		return refuse(clientQuotaError(err))
	}
	response.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
	for _, e := range entries {
		entry := kmsg.NewDescribeClientQuotasResponseEntry()
		for _, n := range e.Entity.Names() {
			part := kmsg.NewDescribeClientQuotasResponseEntryEntity()
			part.Type, part.Name = n.Type, n.Name
			entry.Entity = append(entry.Entity, part)
		}
		for _, key := range slices.Sorted(maps.Keys(e.Values)) {
			value := kmsg.NewDescribeClientQuotasResponseEntryValue()
			value.Key, value.Value = key, e.Values[key]
			entry.Values = append(entry.Values, value)
		}
		response.Entries = append(response.Entries, entry)
	}
	return answered(response), nil
}

// clientQuotaError is what Kafka says of a client quota or a filter that is refused.
func clientQuotaError(err error) (code int16, why string) {
	switch orrery.ErrorCode(err) {
	case orrery.Invalid:
		return kerr.InvalidRequest.Code, orrery.ErrorMessage(err)
	case orrery.UnsupportedValue:
		return kerr.UnsupportedVersion.Code, orrery.ErrorMessage(err)
	case orrery.LimitExceeded:
		return kerr.PolicyViolation.Code, orrery.ErrorMessage(err)
	}
	return kerr.RequestTimedOut.Code, err.Error()
}

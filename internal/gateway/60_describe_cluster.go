package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeCluster: v0-2
//
// Behavior:
// * Needs no right, as in Kafka; the authorized operations are the principal's in its own cluster.
// * Brokers have the addresses of their gateways, the cluster id is the logical cluster's.
// * Controllers are not shown: MISMATCHED_ENDPOINT_TYPE.
//
// Version notes:
// * v1: endpoint type
// * v2: fenced brokers
func describeCluster(_ context.Context, s *session, r *kmsg.DescribeClusterRequest) (step, error) {
	const brokerEndpoints, controllerEndpoints = 1, 2
	if r.Version >= 1 && r.EndpointType != brokerEndpoints {
		response := r.ResponseKind().(*kmsg.DescribeClusterResponse)
		response.ErrorCode = kerr.UnsupportedEndpointType.Code
		if r.EndpointType == controllerEndpoints {
			response.ErrorCode = kerr.MismatchedEndpointType.Code
		}
		response.EndpointType = brokerEndpoints
		return answered(response), nil
	}
	operations := r.IncludeClusterAuthorizedOperations
	r.IncludeClusterAuthorizedOperations = false
	return forwarded(r, func(response *kmsg.DescribeClusterResponse) error {
		response.ErrorMessage = s.errorText(response.ErrorMessage)
		response.ClusterID = s.clusterID()
		response.ClusterAuthorizedOperations = s.clusterOperations(operations)
		response.Brokers = endpointsOf(s, response.Brokers, func(b *kmsg.DescribeClusterResponseBroker) (int32, *string, *int32) {
			return b.NodeID, &b.Host, &b.Port
		})
		return nil
	}), nil
}

package gateway

import (
	"context"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// ListConfigResources: v0-1
//
// Behavior:
// * DESCRIBE_CONFIGS on the cluster, else CLUSTER_AUTHORIZATION_FAILED.
// * The broker lists topics and groups of every tenant; those of others are left out. Brokers are those that the
// tenant's clients can reach. Client metrics and brokers' loggers are the platform's: there are none.
//
// Version notes:
// * v0: client metrics only
// * v1: any type (KIP-1142)
func listConfigResources(_ context.Context, s *session, r *kmsg.ListConfigResourcesRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.ListConfigResourcesResponse)
	if !s.allowed(authz.DescribeConfigs, orrery.CRNKafka, "") {
		response.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return answered(response), nil
	}
	if r.Version == 0 {
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.ListConfigResourcesResponse) error {
		response.ConfigResources = slices.DeleteFunc(response.ConfigResources, func(c kmsg.ListConfigResourcesResponseConfigResource) bool {
			return !s.seesConfigResource(c)
		})
		for i := range response.ConfigResources {
			c := &response.ConfigResources[i]
			if name, ok := s.logical(c.Name); ok {
				c.Name = name
			}
		}
		return nil
	}), nil
}

func (s *session) seesConfigResource(c kmsg.ListConfigResourcesResponseConfigResource) bool {
	switch kmsg.ConfigResourceType(c.Type) {
	case kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeGroupConfig:
		return s.prefix.Owns(c.Name)
	case kmsg.ConfigResourceTypeBroker:
		node, err := strconv.ParseInt(c.Name, 10, 32)
		_, _, known := s.endpoint(int32(node))
		return err == nil && known
	default:
		return false
	}
}

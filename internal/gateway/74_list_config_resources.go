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
// * Topics are the tenant's own, which the gateway lists (topiclist.go). The broker lists groups with a configuration of
// every tenant; those of others are left out. Brokers are those that the tenant's clients can reach. Client metrics
// and brokers' loggers are the platform's: there are none.
//
// Version notes:
// * v0: client metrics only
// * v1: any type (KIP-1142)
func listConfigResources(ctx context.Context, s *session, r *kmsg.ListConfigResourcesRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.ListConfigResourcesResponse)
	if !s.allowed(authz.DescribeConfigs, orrery.CRNKafka, "") {
		response.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return answered(response), nil
	}
	if r.Version == 0 {
		return answered(response), nil
	}
	topics := s.topicResources(ctx, r)
	if topics != nil && len(r.ResourceTypes) == 0 {
		response.ConfigResources = topics
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
		if response.ErrorCode == 0 {
			response.ConfigResources = append(response.ConfigResources, topics...)
		}
		return nil
	}), nil
}

// topicResources takes topics out of the types that a request asks for, and returns the tenant's. It is nil, and
// nothing is taken out, where they were not asked for or could not be listed.
func (s *session) topicResources(ctx context.Context, r *kmsg.ListConfigResourcesRequest) []kmsg.ListConfigResourcesResponseConfigResource {
	const topicType = int8(kmsg.ConfigResourceTypeTopic)
	everything := len(r.ResourceTypes) == 0
	if !everything && !slices.Contains(r.ResourceTypes, topicType) {
		return nil
	}
	topics, err := s.ownTopics(ctx)
	if err != nil {
		s.gateway.warn("cannot list a tenant's topics; asking for all", err)
		return nil
	}
	if everything {
		r.ResourceTypes = []int8{int8(kmsg.ConfigResourceTypeBroker), int8(kmsg.ConfigResourceTypeGroupConfig)}
	}
	r.ResourceTypes = slices.DeleteFunc(r.ResourceTypes, func(t int8) bool { return t == topicType })
	resources := make([]kmsg.ListConfigResourcesResponseConfigResource, len(topics))
	for i, t := range topics {
		resources[i].Type = topicType
		resources[i].Name, _ = s.logical(t.name)
	}
	return resources
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

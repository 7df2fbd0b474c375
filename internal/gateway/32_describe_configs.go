package gateway

import (
	"context"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// DescribeConfigs: v1-4
//
// Behavior:
// * Topics and groups: DESCRIBE_CONFIGS on each, else TOPIC_ or GROUP_AUTHORIZATION_FAILED. What is not in
// tenancy.TopicConfigs, GroupConfigs or StreamsGroupConfigs does not exist for a tenant.
// * A broker is a virtual one, read only, that tells what clients ask a broker for; DESCRIBE_CONFIGS on the
// cluster, else CLUSTER_AUTHORIZATION_FAILED.
// * Where a value comes from is the tenant or a default; synonyms that show the brokers' configuration are left out.
//
// Version notes:
// * v1: sources and synonyms
// * v3: types and documentation
func describeConfigs(_ context.Context, s *session, r *kmsg.DescribeConfigsRequest) (step, error) {
	var local []kmsg.DescribeConfigsResponseResource
	r.Resources, local = sift(r.Resources, func(rr *kmsg.DescribeConfigsRequestResource) (answer kmsg.DescribeConfigsResponseResource, _ bool) {
		if rr.ResourceType == kmsg.ConfigResourceTypeBroker {
			return virtualBroker(s, rr), true
		}
		_, code, why := configResource(s, authz.DescribeConfigs, rr.ResourceType, rr.ResourceName)
		if code == 0 {
			rr.ResourceName = s.physical(rr.ResourceName)
			return answer, false
		}
		return refusedDescription(rr, code, why), true
	})
	if len(r.Resources) == 0 && len(local) > 0 {
		response := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
		response.Resources = local
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.DescribeConfigsResponse) error {
		response.Resources = own(s, response.Resources, func(rr *kmsg.DescribeConfigsResponseResource) *string { return &rr.ResourceName })
		for i := range response.Resources {
			rr := &response.Resources[i]
			rr.ErrorMessage = s.errorText(rr.ErrorMessage)
			configs := tenancy.TopicConfigs
			if rr.ResourceType == kmsg.ConfigResourceTypeGroupConfig {
				configs = s.gateway.groupConfigs()
			}
			rr.Configs = tenantConfigs(configs, rr.Configs)
		}
		response.Resources = append(response.Resources, local...)
		return nil
	}), nil
}

func refusedDescription(rr *kmsg.DescribeConfigsRequestResource, code int16, why string) kmsg.DescribeConfigsResponseResource {
	answer := kmsg.NewDescribeConfigsResponseResource()
	answer.ResourceType, answer.ResourceName = rr.ResourceType, rr.ResourceName
	answer.ErrorCode, answer.ErrorMessage = code, kmsg.StringPtr(why)
	return answer
}

// tenantConfigs keeps of a resource's configurations what a tenant may see.
func tenantConfigs(configs tenancy.Configs, all []kmsg.DescribeConfigsResponseResourceConfig) []kmsg.DescribeConfigsResponseResourceConfig {
	kept, _ := sift(all, func(c *kmsg.DescribeConfigsResponseResourceConfig) (struct{}, bool) {
		config, ok := configs.Find(c.Name)
		c.Source = tenantSource(c.Source)
		c.IsDefault = c.Source == kmsg.ConfigSourceDefaultConfig
		c.ReadOnly = config.ReadOnly
		c.ConfigType = kmsg.ConfigType(config.Type)
		c.ConfigSynonyms, _ = sift(c.ConfigSynonyms, func(synonym *kmsg.DescribeConfigsResponseResourceConfigConfigSynonym) (struct{}, bool) {
			return struct{}{}, synonym.Source != kmsg.ConfigSourceDefaultConfig && tenantSource(synonym.Source) != synonym.Source
		})
		return struct{}{}, !ok
	})
	return kept
}

// virtualBroker describes a broker as a tenant may know it: what it would get by default on this cluster. The
// empty name is the cluster's dynamic default, of which there is nothing.
func virtualBroker(s *session, rr *kmsg.DescribeConfigsRequestResource) kmsg.DescribeConfigsResponseResource {
	if !s.allowed(authz.DescribeConfigs, orrery.CRNKafka, "") {
		return refusedDescription(rr, kerr.ClusterAuthorizationFailed.Code, kerr.ClusterAuthorizationFailed.Description)
	}
	answer := kmsg.NewDescribeConfigsResponseResource()
	answer.ResourceType, answer.ResourceName = rr.ResourceType, rr.ResourceName
	if rr.ResourceName == "" {
		return answer
	}
	node, err := strconv.ParseInt(rr.ResourceName, 10, 32)
	if _, _, known := s.endpoint(int32(node)); err != nil || !known {
		return refusedDescription(rr, kerr.InvalidRequest.Code, "The cluster has no broker of this id.")
	}
	replicas := strconv.Itoa(s.tenant.ReplicationFactor)
	for _, c := range []struct {
		name, value string
		kind        tenancy.ConfigType
	}{
		{"auto.create.topics.enable", "false", tenancy.ConfigBoolean},
		{"broker.id", strconv.FormatInt(node, 10), tenancy.ConfigInt},
		{"default.replication.factor", replicas, tenancy.ConfigInt},
		{"delete.topic.enable", "true", tenancy.ConfigBoolean},
		{"message.max.bytes", strconv.Itoa(tenancy.DefaultMessageBytes), tenancy.ConfigInt},
		{"num.partitions", strconv.Itoa(tenancy.DefaultPartitions), tenancy.ConfigInt},
	} {
		if rr.ConfigNames != nil && !slices.Contains(rr.ConfigNames, c.name) {
			continue
		}
		config := kmsg.NewDescribeConfigsResponseResourceConfig()
		config.Name, config.Value, config.ReadOnly = c.name, kmsg.StringPtr(c.value), true
		config.Source, config.IsDefault, config.ConfigType = kmsg.ConfigSourceDefaultConfig, true, kmsg.ConfigType(c.kind)
		answer.Configs = append(answer.Configs, config)
	}
	return answer
}

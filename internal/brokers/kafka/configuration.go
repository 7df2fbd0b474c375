package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

// resourceOf is the name that Kafka gives to a broker's configuration, or to that of all brokers.
func resourceOf(node int32) string {
	if node == brokers.ClusterWide {
		return ""
	}
	return strconv.Itoa(int(node))
}

var sources = map[kmsg.ConfigSource]brokers.Source{
	kmsg.ConfigSourceDynamicBrokerConfig:        brokers.SourceBroker,
	kmsg.ConfigSourceDynamicDefaultBrokerConfig: brokers.SourceClusterWide,
	kmsg.ConfigSourceStaticBrokerConfig:         brokers.SourceStatic,
	kmsg.ConfigSourceDefaultConfig:              brokers.SourceDefault,
}

// Configuration asks the broker itself; any, for what is cluster-wide.
func (c *Cluster) Configuration(ctx context.Context, node int32) ([]brokers.Setting, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	settings, err := c.settings(ctx, node, nil)
	return settings, c.wrap("reading the configuration", err)
}

// settings returns these settings, or all with no names.
func (c *Cluster) settings(ctx context.Context, node int32, names []string) ([]brokers.Setting, error) {
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeBroker, resourceOf(node), names
	request.Resources = append(request.Resources, resource)
	response, err := c.askNode(ctx, node, request)
	if err != nil {
		return nil, err
	}
	answer := response.(*kmsg.DescribeConfigsResponse)
	if len(answer.Resources) != 1 {
		return nil, fmt.Errorf("the answer is about %d resources", len(answer.Resources))
	}
	if err := failure(answer.Resources[0].ErrorCode, answer.Resources[0].ErrorMessage); err != nil {
		return nil, err
	}
	var settings []brokers.Setting
	for _, s := range answer.Resources[0].Configs {
		source := sources[s.Source]
		if node == brokers.ClusterWide && source != brokers.SourceClusterWide {
			continue
		}
		setting := brokers.Setting{Name: s.Name, Source: source, ReadOnly: s.ReadOnly, Sensitive: s.IsSensitive}
		if s.Value != nil {
			setting.Value = *s.Value
		}
		settings = append(settings, setting)
	}
	slices.SortFunc(settings, func(a, b brokers.Setting) int { return cmp.Compare(a.Name, b.Name) })
	return settings, nil
}

// askNode sends a request to a broker, or with ClusterWide to any.
func (c *Cluster) askNode(ctx context.Context, node int32, request kmsg.Request) (kmsg.Response, error) {
	if node == brokers.ClusterWide {
		return c.askAny(ctx, request)
	}
	response, err := c.client.Broker(int(node)).RetriableRequest(ctx, travelling(request))
	if err != nil {
		return nil, fmt.Errorf("broker %d: %w", node, err)
	}
	return response, nil
}

// AlterConfiguration asks the broker itself, which tries the values before it agrees, and reads files again whose name is
// set to what it was.
func (c *Cluster) AlterConfiguration(ctx context.Context, node int32, changes map[string]*string) error {
	if err := brokers.CheckConfiguration(node, changes); err != nil || len(changes) == 0 {
		return err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	return c.wrap("changing the configuration", c.alter(ctx, node, changes))
}

func (c *Cluster) alter(ctx context.Context, node int32, changes map[string]*string) error {
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, alteration(kmsg.ConfigResourceTypeBroker, resourceOf(node), changes))
	response, err := c.askNode(ctx, node, request)
	if err != nil {
		return err
	}
	return alterationFailure(response.(*kmsg.IncrementalAlterConfigsResponse))
}

// alteration sets and deletes settings of one resource.
func alteration(kind kmsg.ConfigResourceType, name string, changes map[string]*string) kmsg.IncrementalAlterConfigsRequestResource {
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kind, name
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		change := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		change.Name, change.Value, change.Op = key, changes[key], kmsg.IncrementalAlterConfigOpSet
		if changes[key] == nil {
			change.Op = kmsg.IncrementalAlterConfigOpDelete
		}
		resource.Configs = append(resource.Configs, change)
	}
	return resource
}

// alterationFailure is the first failure; that a topic is gone is none.
func alterationFailure(response *kmsg.IncrementalAlterConfigsResponse) error {
	for _, r := range response.Resources {
		gone := r.ResourceType == kmsg.ConfigResourceTypeTopic && r.ErrorCode == kerr.UnknownTopicOrPartition.Code
		if err := failure(r.ErrorCode, r.ErrorMessage); err != nil && !gone {
			return err
		}
	}
	return nil
}

package gateway

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// configError maps an error about a configuration to what Kafka says: INVALID_CONFIG for what is wrong anywhere,
// POLICY_VIOLATION for what is not allowed here.
func configError(err error) (code int16, why string) {
	switch {
	case err == nil:
		return 0, ""
	case orrery.ErrorCode(err) == orrery.Forbidden:
		return kerr.PolicyViolation.Code, orrery.ErrorMessage(err)
	default:
		return kerr.InvalidConfig.Code, orrery.ErrorMessage(err)
	}
}

// setError returns why the tenant may not set a configuration to a value; 0: it may.
func setError(s *session, configs tenancy.Configs, name string, value *string) (code int16, why string) {
	config, err := configs.Settable(name)
	if err == nil && value == nil {
		err = orrery.Errorf(orrery.Invalid, "%s needs a value", name)
	}
	if err == nil {
		err = config.Check(*value, s.tenant)
	}
	return configError(err)
}

// everyGroupConfig is for engines that have streams groups.
var everyGroupConfig = slices.Concat(tenancy.GroupConfigs, tenancy.StreamsGroupConfigs)

// groupConfigs are those of a group that the engine has.
func (g *Gateway) groupConfigs() tenancy.Configs {
	if g.config.EmbeddedEngine {
		return tenancy.GroupConfigs
	}
	return everyGroupConfig
}

// configResource returns what a tenant may see of a kind of resource, and why the session may not do action to
// this one.
func configResource(s *session, action authz.Action, kind kmsg.ConfigResourceType, name string) (configs tenancy.Configs, code int16, why string) {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		configs, code = tenancy.TopicConfigs, s.topicError(action, name)
	case kmsg.ConfigResourceTypeGroupConfig:
		configs, code = s.gateway.groupConfigs(), s.groupError(action, name)
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger, kmsg.ConfigResourceTypeClientMetrics:
		return nil, kerr.ClusterAuthorizationFailed.Code, "Brokers and client metrics are configured by the service."
	default:
		return nil, kerr.InvalidRequest.Code, "The configuration of this type of resource is not offered."
	}
	if code != 0 {
		why = kerr.TypedErrorForCode(code).Description
	}
	return configs, code, why
}

// tenantSource returns where a tenant may know that a value comes from: itself, or the service, whose brokers'
// configuration is all one default.
func tenantSource(source kmsg.ConfigSource) kmsg.ConfigSource {
	switch source {
	case kmsg.ConfigSourceDynamicTopicConfig, kmsg.ConfigSourceGroupConfig:
		return source
	default:
		return kmsg.ConfigSourceDefaultConfig
	}
}

// alteration is a change to the configuration of one resource, as AlterConfigs and IncrementalAlterConfigs both
// become it.
type alteration = kmsg.IncrementalAlterConfigsRequestResource

// admitAlteration checks a change and makes the resource's name physical; with an error code the name stays.
func admitAlteration(s *session, a *alteration) (code int16, why string) {
	configs, code, why := configResource(s, authz.AlterConfigs, a.ResourceType, a.ResourceName)
	if code != 0 {
		return code, why
	}
	times := map[string]int{}
	for i := range a.Configs {
		c := &a.Configs[i]
		if times[c.Name]++; times[c.Name] > 1 {
			return kerr.InvalidRequest.Code, "The request names a configuration more than once."
		}
		if code, why := admitOperation(s, configs, c); code != 0 {
			return code, why
		}
	}
	a.ResourceName = s.physical(a.ResourceName)
	return 0, ""
}

func admitOperation(s *session, configs tenancy.Configs, c *kmsg.IncrementalAlterConfigsRequestResourceConfig) (code int16, why string) {
	config, err := configs.Settable(c.Name)
	if err != nil {
		return configError(err)
	}
	switch c.Op {
	case kmsg.IncrementalAlterConfigOpSet:
		return setError(s, configs, c.Name, c.Value)
	case kmsg.IncrementalAlterConfigOpDelete:
		return 0, ""
	case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
		if config.Type != tenancy.ConfigList {
			return kerr.InvalidConfig.Code, c.Name + " is not a list, so nothing can be appended to it or subtracted from it."
		}
		return setError(s, configs, c.Name, c.Value)
	default:
		return kerr.InvalidRequest.Code, "The operation is unknown."
	}
}

// resolveLists makes APPEND and SUBTRACT of a list a SET of its result, from the value that is in force. It is for the
// embedded engine, which would start from nothing where the list has its default, and would leave a list empty.
func resolveLists(ctx context.Context, s *session, a *alteration) (code int16, why string) {
	configs := tenancy.TopicConfigs
	for i := range a.Configs {
		c := &a.Configs[i]
		if c.Op != kmsg.IncrementalAlterConfigOpAppend && c.Op != kmsg.IncrementalAlterConfigOpSubtract {
			continue
		}
		current, code, err := s.configValue(ctx, a.ResourceType, a.ResourceName, c.Name)
		if err != nil {
			return kerr.RequestTimedOut.Code, "The list's value could not be read; try again."
		}
		if code != 0 {
			return code, kerr.TypedErrorForCode(code).Description
		}
		value := tenancy.ChangeList(current, *c.Value, c.Op == kmsg.IncrementalAlterConfigOpAppend)
		c.Op, c.Value = kmsg.IncrementalAlterConfigOpSet, &value
		if code, why := setError(s, configs, c.Name, c.Value); code != 0 {
			return code, why
		}
	}
	return 0, ""
}

// configValue reads one configuration of a resource of the tenant (its physical name).
func (s *session) configValue(ctx context.Context, kind kmsg.ConfigResourceType, physical, config string) (value string, code int16, err error) {
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kind, physical, []string{config}
	request.Resources = append(request.Resources, resource)
	response, err := s.controlRequest(ctx, request)
	if err != nil {
		return "", 0, err
	}
	for _, r := range response.(*kmsg.DescribeConfigsResponse).Resources {
		if r.ErrorCode != 0 {
			return "", r.ErrorCode, nil
		}
		for _, c := range r.Configs {
			if c.Name == config && c.Value != nil {
				value = *c.Value
			}
		}
	}
	return value, 0, nil
}

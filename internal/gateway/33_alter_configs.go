package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// AlterConfigs: v0-2
//
// Behavior:
// * The API replaces a resource's whole configuration, which would take away what the service has set. So it is sent
// as an IncrementalAlterConfigs (44) that sets what is given and deletes every other configuration that a tenant
// can set. What is checked and how it is answered: see there.
func alterConfigs(_ context.Context, s *session, r *kmsg.AlterConfigsRequest) (step, error) {
	incremental := kmsg.NewPtrIncrementalAlterConfigsRequest()
	incremental.Version, incremental.ValidateOnly = 1, r.ValidateOnly
	var refused []kmsg.AlterConfigsResponseResource
	for _, rr := range r.Resources {
		a := replacement(rr, s.gateway.groupConfigs())
		if code, why := admitAlteration(s, &a); code != 0 {
			refused = append(refused, alterConfigsAnswer(rr.ResourceType, rr.ResourceName, code, kmsg.StringPtr(why)))
			continue
		}
		incremental.Resources = append(incremental.Resources, a)
	}
	response := r.ResponseKind().(*kmsg.AlterConfigsResponse)
	response.Resources = refused
	if len(incremental.Resources) == 0 {
		return answered(response), nil
	}
	return step{forward: incremental, finish: func(upstream kmsg.Response) (kmsg.Response, error) {
		for _, rr := range upstream.(*kmsg.IncrementalAlterConfigsResponse).Resources {
			if name, ok := s.logical(rr.ResourceName); ok {
				response.Resources = append(response.Resources, alterConfigsAnswer(rr.ResourceType, name, rr.ErrorCode, s.errorText(rr.ErrorMessage)))
			}
		}
		return response, nil
	}}, nil
}

// replacement is the incremental form of a resource's new configuration. A configuration without a value is
// refused later, like in Kafka.
func replacement(rr kmsg.AlterConfigsRequestResource, groupConfigs tenancy.Configs) alteration {
	a := kmsg.NewIncrementalAlterConfigsRequestResource()
	a.ResourceType, a.ResourceName = rr.ResourceType, rr.ResourceName
	given := map[string]bool{}
	for _, c := range rr.Configs {
		given[c.Name] = true
		a.Configs = append(a.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: c.Name, Op: kmsg.IncrementalAlterConfigOpSet, Value: c.Value})
	}
	configs := tenancy.TopicConfigs
	if rr.ResourceType == kmsg.ConfigResourceTypeGroupConfig {
		configs = groupConfigs
	}
	for _, c := range configs {
		if !c.ReadOnly && !given[c.Name] {
			a.Configs = append(a.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: c.Name, Op: kmsg.IncrementalAlterConfigOpDelete})
		}
	}
	return a
}

func alterConfigsAnswer(kind kmsg.ConfigResourceType, name string, code int16, why *string) kmsg.AlterConfigsResponseResource {
	answer := kmsg.NewAlterConfigsResponseResource()
	answer.ResourceType, answer.ResourceName, answer.ErrorCode, answer.ErrorMessage = kind, name, code, why
	if code != 0 && why == nil {
		answer.ErrorMessage = kmsg.StringPtr(kerr.TypedErrorForCode(code).Description)
	}
	return answer
}

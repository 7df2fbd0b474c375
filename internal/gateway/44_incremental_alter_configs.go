package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// IncrementalAlterConfigs: v0-1
//
// Behavior:
// * ALTER_CONFIGS on each topic or group, else TOPIC_ or GROUP_AUTHORIZATION_FAILED. Brokers are the service's:
// CLUSTER_AUTHORIZATION_FAILED.
// * Only what tenancy.TopicConfigs, GroupConfigs or StreamsGroupConfigs let a tenant set, else INVALID_CONFIG; out of
// bounds, or the service's to set: POLICY_VIOLATION. One wrong configuration refuses its resource; other resources are
// changed.
// * What is appended to a list or subtracted from it is checked like what is set; the broker does it, so that of two
// at once neither is lost. On the embedded engine they become a SET of the list that results, and one may be.
func incrementalAlterConfigs(ctx context.Context, s *session, r *kmsg.IncrementalAlterConfigsRequest) (step, error) {
	var refused []kmsg.IncrementalAlterConfigsResponseResource
	r.Resources, refused = sift(r.Resources, func(a *alteration) (answer kmsg.IncrementalAlterConfigsResponseResource, _ bool) {
		name := a.ResourceName
		code, why := admitAlteration(s, a)
		if code == 0 && s.gateway.config.EmbeddedEngine {
			code, why = resolveLists(ctx, s, a)
		}
		if code == 0 {
			return answer, false
		}
		answer = kmsg.NewIncrementalAlterConfigsResponseResource()
		answer.ResourceType, answer.ResourceName = a.ResourceType, name
		answer.ErrorCode, answer.ErrorMessage = code, kmsg.StringPtr(why)
		return answer, true
	})
	if len(r.Resources) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
		response.Resources = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.IncrementalAlterConfigsResponse) error {
		response.Resources = own(s, response.Resources, func(rr *kmsg.IncrementalAlterConfigsResponseResource) *string { return &rr.ResourceName })
		for i := range response.Resources {
			response.Resources[i].ErrorMessage = s.errorText(response.Resources[i].ErrorMessage)
		}
		response.Resources = append(refused, response.Resources...)
		return nil
	}), nil
}

package inproc

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
)

// configure applies what changed between two broker configurations to a running engine; a stopped one gets it
// when it is opened. Settings that need a restart take hold at the next one.
func (e *engine) configure(ctx context.Context, old map[string]string, spec orrery.PSCSpec) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spec = spec
	request := configurationChange(engineConfiguration(old), engineConfiguration(spec.Configuration))
	if e.cluster == nil || len(request.Resources[0].Configs) == 0 {
		return nil
	}
	client, err := e.doors.client(slices.Sorted(maps.Keys(e.running)))
	if err != nil {
		return fmt.Errorf("opening a client: %w", err)
	}
	defer client.Close()
	return sendAlter(ctx, client, request)
}

// configurationChange sets what is new or different and deletes what is gone, for the whole cluster.
func configurationChange(old, wanted map[string]string) *kmsg.IncrementalAlterConfigsRequest {
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType = kmsg.ConfigResourceTypeBroker
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if old[key] != wanted[key] {
			config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			config.Name, config.Value, config.Op = key, kmsg.StringPtr(wanted[key]), kmsg.IncrementalAlterConfigOpSet
			resource.Configs = append(resource.Configs, config)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if _, kept := wanted[key]; !kept {
			config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			config.Name, config.Op = key, kmsg.IncrementalAlterConfigOpDelete
			resource.Configs = append(resource.Configs, config)
		}
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	return request
}

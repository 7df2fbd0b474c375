package inproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/durable"
)

// settings are configuration values by topic and key.
type settings map[string]map[string]string

// liftRetention sets every retention to no limit: the cluster's, and that of topics that have one of their own.
// restore sets them again, and restoreAfterCrash does where the process ended in between.
func (e *engine) liftRetention(ctx context.Context, client *kgo.Client, topics []logTopic) (restore func() error, err error) {
	own, none := settings{}, settings{}
	for _, t := range topics {
		if len(t.explicit) == 0 {
			continue
		}
		own[t.name], none[t.name] = t.explicit, map[string]string{}
		for key := range t.explicit {
			none[t.name][key] = noLimit
		}
	}
	note, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(filepath.Dir(e.dir), keptFile)
	if err := durable.WriteFile(path, note, 0o600); err != nil {
		return nil, err
	}
	cluster := engineConfiguration(e.spec.Configuration)
	restore = func() error {
		// Also after ctx has ended: what a tenant had set must come back.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maintenanceTimeout)
		defer cancel()
		broker := alter(ctx, client, kmsg.ConfigResourceTypeBroker, brokerRetention(cluster[brokerRetentionMS], cluster[brokerRetentionSize]))
		if err := alter(ctx, client, kmsg.ConfigResourceTypeTopic, own); err != nil {
			return errors.Join(broker, err)
		}
		return errors.Join(broker, os.Remove(path))
	}
	err = alter(ctx, client, kmsg.ConfigResourceTypeBroker, brokerRetention(noLimit, noLimit))
	if err == nil {
		err = alter(ctx, client, kmsg.ConfigResourceTypeTopic, none)
	}
	if err != nil {
		return nil, errors.Join(err, restore())
	}
	return restore, nil
}

func brokerRetention(time, size string) settings {
	return settings{"": {brokerRetentionMS: time, brokerRetentionSize: size}} // "": of the whole cluster
}

// restoreAfterCrash sets the retention of topics again that a compaction had lifted when the process ended. (The
// cluster's own is set by every opening.) The engine is locked.
func (e *engine) restoreAfterCrash(ctx context.Context) error {
	path := filepath.Join(filepath.Dir(e.dir), keptFile)
	note, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	own := settings{}
	if err == nil {
		err = json.Unmarshal(note, &own)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	client, err := e.doors.client(slices.Sorted(maps.Keys(e.running)))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := alter(ctx, client, kmsg.ConfigResourceTypeTopic, own); err != nil {
		return err
	}
	return os.Remove(path)
}

// alter sets configuration values of topics or of the cluster. A topic that is not there any more needs none.
func alter(ctx context.Context, client *kgo.Client, kind kmsg.ConfigResourceType, values settings) error {
	for names := range slices.Chunk(slices.Sorted(maps.Keys(values)), describeLimit) {
		request := kmsg.NewPtrIncrementalAlterConfigsRequest()
		for _, name := range names {
			resource := kmsg.NewIncrementalAlterConfigsRequestResource()
			resource.ResourceType, resource.ResourceName = kind, name
			for _, key := range slices.Sorted(maps.Keys(values[name])) {
				config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
				config.Name, config.Value, config.Op = key, kmsg.StringPtr(values[name][key]), kmsg.IncrementalAlterConfigOpSet
				resource.Configs = append(resource.Configs, config)
			}
			request.Resources = append(request.Resources, resource)
		}
		if err := sendAlter(ctx, client, request); err != nil {
			return err
		}
	}
	return nil
}

func sendAlter(ctx context.Context, client *kgo.Client, request *kmsg.IncrementalAlterConfigsRequest) error {
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("changing the configuration: %w", err)
	}
	for _, resource := range response.Resources {
		err := kerr.ErrorForCode(resource.ErrorCode)
		if err == nil || errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if resource.ErrorMessage != nil {
			err = fmt.Errorf("%w: %s", err, *resource.ErrorMessage)
		}
		return fmt.Errorf("changing the configuration of %q: %w", resource.ResourceName, err)
	}
	return nil
}

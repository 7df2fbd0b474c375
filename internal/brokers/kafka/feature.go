package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
)

func apiVersions() *kmsg.ApiVersionsRequest {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "orrery", "1"
	return request
}

// Features asks every broker that is alive, for during an upgrade they differ.
func (c *Cluster) Features(ctx context.Context) ([]brokers.Feature, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	features, err := c.features(ctx)
	return features, c.wrap("reading the features", err)
}

func (c *Cluster) features(ctx context.Context) ([]brokers.Feature, error) {
	nodes, err := c.registered(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]*brokers.Feature{}
	of := func(name string) *brokers.Feature {
		if known[name] == nil {
			known[name] = &brokers.Feature{Name: name}
		}
		return known[name]
	}
	supporting := map[string]int{}
	alive, epoch := 0, int64(-1)
	for _, n := range nodes {
		if !n.Alive {
			continue
		}
		alive++
		answer, err := c.client.Broker(int(n.Node)).RetriableRequest(ctx, apiVersions())
		if err != nil {
			return nil, fmt.Errorf("broker %d: %w", n.Node, err)
		}
		response := answer.(*kmsg.ApiVersionsResponse)
		if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
			return nil, fmt.Errorf("broker %d: %w", n.Node, err)
		}
		for _, s := range response.SupportedFeatures {
			f := of(s.Name)
			if supporting[s.Name]++; supporting[s.Name] == 1 {
				f.Min, f.Max = s.MinVersion, s.MaxVersion
			}
			f.Min, f.Max = max(f.Min, s.MinVersion), min(f.Max, s.MaxVersion)
		}
		if response.FinalizedFeaturesEpoch > epoch {
			epoch = response.FinalizedFeaturesEpoch
			for _, f := range known {
				f.Finalized = 0
			}
			for _, finalized := range response.FinalizedFeatures {
				of(finalized.Name).Finalized = finalized.MaxVersionLevel
			}
		}
	}
	features := make([]brokers.Feature, 0, len(known))
	for name, f := range known {
		if supporting[name] < alive {
			f.Min, f.Max = 0, 0
		}
		features = append(features, *f)
	}
	slices.SortFunc(features, func(a, b brokers.Feature) int { return cmp.Compare(a.Name, b.Name) })
	return features, nil
}

// FinalizeFeatures sends all levels in one request, which the controllers accept or refuse as a whole (KIP-584).
func (c *Cluster) FinalizeFeatures(ctx context.Context, levels map[string]int16) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	features, err := c.features(ctx)
	if err != nil {
		return c.wrap("reading the features", err)
	}
	due, err := brokers.CheckFeatures(features, levels)
	if err != nil || len(due) == 0 {
		return err
	}
	request := kmsg.NewPtrUpdateFeaturesRequest()
	request.TimeoutMillis = int32(callTimeout.Milliseconds() / 2)
	for _, name := range slices.Sorted(maps.Keys(due)) {
		update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		update.Feature, update.MaxVersionLevel, update.UpgradeType = name, due[name], 1 // never down
		request.FeatureUpdates = append(request.FeatureUpdates, update)
	}
	response, err := ask(ctx, c, request)
	if err == nil {
		err = failure(response.ErrorCode, response.ErrorMessage)
	}
	if err == nil {
		for _, result := range response.Results { // of a broker that answers each by itself
			if err = failure(result.ErrorCode, result.ErrorMessage); err != nil {
				break
			}
		}
	}
	return c.wrap("finalising features", err)
}

package gateway

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// table is what the gateway offers: its handlers, in the versions that the brokers know too.
type table struct {
	entries [kmsg.MaxKey + 1]*tableEntry
	// denied stands for every key that is not offered.
	denied *tableEntry
	// engine is the brokers' own answer to ApiVersions.
	engine *kmsg.ApiVersionsResponse
}

// tableEntry is one API key in the versions that are offered.
type tableEntry struct {
	handler
	lane *rawLane // may be nil
	// unauthenticated is true for what a client may ask before it has authenticated.
	unauthenticated bool
	requests        prometheus.Counter
	duration        prometheus.Observer
}

// entry returns nil for a key that is not offered.
func (t *table) entry(key int16) *tableEntry {
	if key < 0 || int(key) >= len(t.entries) {
		return nil
	}
	return t.entries[key]
}

// newTable makes the intersection of the handlers with what the engine said.
func newTable(handlers []handler, engine *kmsg.ApiVersionsResponse, m *metrics) (*table, error) {
	t := &table{engine: engine, denied: &tableEntry{
		handler: handler{key: deniedKey}, requests: m.requests.WithLabelValues(deniedLabel), duration: m.duration.WithLabelValues(deniedLabel),
	}}
	ranges := map[int16]kmsg.ApiVersionsResponseApiKey{}
	for _, k := range engine.ApiKeys {
		ranges[k.ApiKey] = k
	}
	for _, h := range handlers {
		if h.key < 0 || int(h.key) >= len(t.entries) || t.entries[h.key] != nil || h.min > h.max {
			return nil, fmt.Errorf("the handler of API key %d is wrong or listed twice", h.key)
		}
		if !gatewaysOwn(h.key) {
			known, ok := ranges[h.key]
			if h.min, h.max = max(h.min, known.MinVersion), min(h.max, known.MaxVersion); !ok || h.min > h.max {
				continue
			}
		}
		name := kmsg.NameForKey(h.key)
		t.entries[h.key] = &tableEntry{
			handler: h, lane: rawLaneOf(h.key), unauthenticated: beforeAuthentication(h.key),
			requests: m.requests.WithLabelValues(name), duration: m.duration.WithLabelValues(name),
		}
	}
	return t, nil
}

// gatewaysOwn reports whether a key ends in the gateway whatever the brokers offer.
func gatewaysOwn(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.GetTelemetrySubscriptions, kmsg.PushTelemetry, kmsg.DescribeACLs, kmsg.CreateACLs, kmsg.DeleteACLs,
		kmsg.DescribeClientQuotas, kmsg.AlterClientQuotas:
		return true
	}
	return beforeAuthentication(key)
}

// beforeAuthentication reports whether an unauthenticated client may use a key.
func beforeAuthentication(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.SASLHandshake, kmsg.SASLAuthenticate, kmsg.ApiVersions:
		return true
	}
	return false
}

// learnEngine asks the brokers what they offer.
func (g *Gateway) learnEngine(ctx context.Context) error {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "orrery-gateway", "1"
	response, err := request.RequestWith(ctx, g.control)
	if err != nil {
		return err
	}
	t, err := newTable(allHandlers(), response, g.metrics)
	if err != nil {
		return err
	}
	g.table.Store(t)
	return nil
}

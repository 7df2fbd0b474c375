package kafkarest

import (
	"context"
	"net/http"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/wire"
)

func why(ctx context.Context, c *call) error {
	why, err := c.gateway.Why(ctx, c.caller)
	if err != nil {
		return err
	}
	data := make([]wire.Refusal, len(why.Entries))
	for i, e := range why.Entries {
		data[i] = refusalOf(e)
	}
	return c.answer(http.StatusOK, wire.Why{
		Kind: wire.KindKafkaWhy, Metadata: wire.Metadata{Self: c.origin() + c.request.URL.Path, ResourceName: c.crn().String()},
		ClusterID: c.caller.LogicalClusterID, Forgotten: why.Forgotten, SilentBrokers: why.Silent, Data: data,
	})
}

func refusalOf(e gateway.Entry) wire.Refusal {
	return wire.Refusal{
		Kind: e.Kind, API: e.API, Error: e.Error, Principal: e.Principal, APIKeyID: e.APIKeyID, Client: e.Client, Broker: e.Node,
		ResourceType: e.ResourceType, Resource: e.Resource, Operation: e.Operation, Rule: e.Rule, Reason: e.Reason, Fix: e.Fix,
		Role: e.Role, Count: e.Count, FirstAt: e.First.UTC(), LastAt: e.Last.UTC(),
	}
}

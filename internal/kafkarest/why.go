package kafkarest

import (
	"context"
	"net/http"
	"time"

	"github.com/orrery-kafka/orrery/internal/gateway"
)

// whyData is what was refused to a cluster's clients, the last first.
type whyData struct {
	Kind      string       `json:"kind"`
	Metadata  metadata     `json:"metadata"`
	ClusterID string       `json:"cluster_id"`
	Forgotten int64        `json:"forgotten"` // entries that were dropped because there were too many
	Data      []whyRefusal `json:"data"`
}

type whyRefusal struct {
	Kind         string    `json:"kind"`
	API          string    `json:"api,omitempty"`
	Error        string    `json:"error,omitempty"`
	Principal    string    `json:"principal,omitempty"`
	APIKeyID     string    `json:"api_key_id,omitempty"`
	Client       string    `json:"client"`
	Broker       int32     `json:"broker_id"`
	ResourceType string    `json:"resource_type,omitempty"`
	Resource     string    `json:"resource,omitempty"`
	Operation    string    `json:"operation,omitempty"`
	Rule         string    `json:"rule,omitempty"`
	Reason       string    `json:"reason"`
	Fix          string    `json:"fix"`
	Role         string    `json:"role,omitempty"`
	Count        int64     `json:"count"`
	FirstAt      time.Time `json:"first_at"`
	LastAt       time.Time `json:"last_at"`
}

func why(_ context.Context, c *call) error {
	entries, forgotten, err := c.gateway.Why(c.caller)
	if err != nil {
		return err
	}
	data := make([]whyRefusal, len(entries))
	for i, e := range entries {
		data[i] = refusalOf(e)
	}
	return c.answer(http.StatusOK, whyData{
		Kind: "OrreryKafkaWhy", Metadata: metadata{Self: c.origin() + c.request.URL.Path, ResourceName: c.crn().String()},
		ClusterID: c.caller.LogicalClusterID, Forgotten: forgotten, Data: data,
	})
}

func refusalOf(e gateway.Entry) whyRefusal {
	return whyRefusal{
		Kind: e.Kind, API: e.API, Error: e.Error, Principal: e.Principal, APIKeyID: e.APIKeyID, Client: e.Client, Broker: e.Node,
		ResourceType: e.ResourceType, Resource: e.Resource, Operation: e.Operation, Rule: e.Rule, Reason: e.Reason, Fix: e.Fix,
		Role: e.Role, Count: e.Count, FirstAt: e.First.UTC(), LastAt: e.Last.UTC(),
	}
}

package client

import (
	"context"
	"net/http"
	"net/url"
)

// ACL is one Kafka access control entry. Its words are Kafka's own, in upper case.
type ACL struct {
	ResourceType string `json:"resource_type"` // TOPIC, GROUP, CLUSTER or TRANSACTIONAL_ID
	ResourceName string `json:"resource_name"` // "*" with LITERAL is every name; a cluster's is kafka-cluster
	PatternType  string `json:"pattern_type"`  // LITERAL or PREFIXED
	Principal    string `json:"principal"`     // User:sa-…, User:u-…, User:pool-… or User:*
	Host         string `json:"host"`          // an IP address, or "*"
	Operation    string `json:"operation"`
	Permission   string `json:"permission"` // ALLOW or DENY
}

// query is the filter that selects the ACLs that have everything that is not "".
func (a ACL) query() string {
	values := url.Values{}
	for name, value := range map[string]string{
		"resource_type": a.ResourceType, "pattern_type": a.PatternType, "operation": a.Operation, "permission": a.Permission,
	} {
		if value == "" {
			value = "ANY"
		}
		values.Set(name, value)
	}
	for name, value := range map[string]string{"resource_name": a.ResourceName, "principal": a.Principal, "host": a.Host} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return "?" + values.Encode()
}

// ListACLs lists the ACLs that have everything that is not "" in the filter; its pattern type may be MATCH, which selects
// those that cover the name.
func (k *KafkaREST) ListACLs(ctx context.Context, filter ACL) ([]ACL, error) {
	list, err := kafkaREST[kafkaRESTList[ACL]](ctx, k, http.MethodGet, "/acls"+filter.query(), nil)
	return list.Data, err
}

// CreateACLs makes ACLs. One that exists stays.
func (k *KafkaREST) CreateACLs(ctx context.Context, acls []ACL) error {
	_, err := kafkaREST[struct{}](ctx, k, http.MethodPost, "/acls:batch", map[string]any{"data": acls})
	return err
}

// DeleteACLs deletes what ListACLs lists for the filter, and returns it.
func (k *KafkaREST) DeleteACLs(ctx context.Context, filter ACL) ([]ACL, error) {
	list, err := kafkaREST[kafkaRESTList[ACL]](ctx, k, http.MethodDelete, "/acls"+filter.query(), nil)
	return list.Data, err
}

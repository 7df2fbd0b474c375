package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/orrery-kafka/orrery/wire"
)

// Why returns what was refused to the clients of the cluster; who may not see how the cluster is set up gets what was
// refused to itself.
func (k *KafkaREST) Why(ctx context.Context) (wire.Why, error) {
	return kafkaRESTAt[wire.Why](ctx, k, http.MethodGet, "/orrery/v1/logical-clusters/"+url.PathEscape(k.ClusterID)+"/why", nil)
}

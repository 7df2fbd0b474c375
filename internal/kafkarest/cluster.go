package kafkarest

import (
	"context"
	"net/http"
)

// clusterData is KafkaCluster of the public API.
type clusterData struct {
	Kind                   string        `json:"kind"`
	Metadata               metadata      `json:"metadata"`
	ClusterID              string        `json:"cluster_id"`
	Controller             *relationship `json:"controller"`
	ACLs                   relationship  `json:"acls"`
	Brokers                relationship  `json:"brokers"`
	BrokerConfigs          relationship  `json:"broker_configs"`
	ConsumerGroups         relationship  `json:"consumer_groups"`
	Topics                 relationship  `json:"topics"`
	PartitionReassignments relationship  `json:"partition_reassignments"`
}

func (c *call) cluster() clusterData {
	return clusterData{
		Kind:                   "KafkaCluster",
		Metadata:               metadata{Self: c.link(), ResourceName: c.crn().String()},
		ClusterID:              c.caller.LogicalClusterID,
		ACLs:                   relationship{c.link("acls")},
		Brokers:                relationship{c.link("brokers")},
		BrokerConfigs:          relationship{c.link("broker-configs")},
		ConsumerGroups:         relationship{c.link("consumer-groups")},
		Topics:                 relationship{c.link("topics")},
		PartitionReassignments: relationship{c.link("topics", "-", "partitions", "-", "reassignment")},
	}
}

// listClusters has the cluster that the API key itself names.
func listClusters(_ context.Context, c *call) error {
	self := c.link()
	return c.answer(http.StatusOK, list[clusterData]{
		Kind:     "KafkaClusterList",
		Metadata: listMetadata{Self: self[:len(self)-len("/"+c.caller.LogicalClusterID)]},
		Data:     []clusterData{c.cluster()},
	})
}

func getCluster(_ context.Context, c *call) error { return c.answer(http.StatusOK, c.cluster()) }

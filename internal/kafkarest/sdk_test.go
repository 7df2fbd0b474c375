package kafkarest_test

import (
	"context"
	"net/http"
	"testing"

	sdk "github.com/confluentinc/ccloud-sdk-go-v2/kafkarest/v3"
)

// TestSDK drives everything that is offered with Confluent Cloud's own Go client.
func TestSDK(t *testing.T) {
	p := start(t)
	configuration := sdk.NewConfiguration()
	configuration.HTTPClient = p.server.Client()
	configuration.Servers = sdk.ServerConfigurations{{URL: p.server.URL}}
	client := sdk.NewAPIClient(configuration)
	ctx := context.WithValue(t.Context(), sdk.ContextBasicAuth, sdk.BasicAuth{UserName: cloudKeyA.id, Password: cloudKeyA.secret})

	cluster, _, err := client.ClusterV3Api.GetKafkaCluster(ctx, lkcA).Execute()
	if err != nil || cluster.ClusterId != lkcA {
		t.Fatalf("GetKafkaCluster: %+v, %v", cluster, err)
	}
	retention := *sdk.NewNullableString(sdk.PtrString("3600000"))
	configs := []sdk.CreateTopicRequestDataConfigs{{Name: "retention.ms", Value: retention}}
	created, response, err := client.TopicV3Api.CreateKafkaTopic(ctx, lkcA).CreateTopicRequestData(sdk.CreateTopicRequestData{
		TopicName: "orders", PartitionsCount: sdk.PtrInt32(3), ReplicationFactor: sdk.PtrInt32(3), Configs: &configs,
	}).Execute()
	if err != nil || response.StatusCode != http.StatusCreated || created.TopicName != "orders" || created.PartitionsCount != 3 {
		t.Fatalf("CreateKafkaTopic: %+v, %v", created, err)
	}
	_, response, err = client.TopicV3Api.CreateKafkaTopic(ctx, lkcA).CreateTopicRequestData(sdk.CreateTopicRequestData{TopicName: "orders"}).Execute()
	if err == nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("creating it twice: %v", err)
	}
	topics, _, err := client.TopicV3Api.ListKafkaTopics(ctx, lkcA).Execute()
	if err != nil || len(topics.Data) != 1 || topics.Data[0].TopicName != "orders" {
		t.Errorf("ListKafkaTopics: %+v, %v", topics, err)
	}
	updated, _, err := client.TopicV3Api.UpdatePartitionCountKafkaTopic(ctx, lkcA, "orders").UpdatePartitionCountRequestData(sdk.UpdatePartitionCountRequestData{PartitionsCount: 4}).Execute()
	if err != nil || updated.PartitionsCount != 4 {
		t.Errorf("UpdatePartitionCountKafkaTopic: %+v, %v", updated, err)
	}
	partitions, _, err := client.PartitionV3Api.ListKafkaPartitions(ctx, lkcA, "orders").Execute()
	if err != nil || len(partitions.Data) != 4 {
		t.Errorf("ListKafkaPartitions: %+v, %v", partitions, err)
	}
	sdkConfigs(t, ctx, client)
	sdkRecord(t, ctx, client)
	if response, err := client.TopicV3Api.DeleteKafkaTopic(ctx, lkcA, "orders").Execute(); err != nil || response.StatusCode != http.StatusNoContent {
		t.Errorf("DeleteKafkaTopic: %v", err)
	}
	if _, response, err := client.TopicV3Api.GetKafkaTopic(ctx, lkcA, "orders").Execute(); err == nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("GetKafkaTopic after it: %v", err)
	}
}

func sdkConfigs(t *testing.T, ctx context.Context, client *sdk.APIClient) {
	t.Helper()
	want := func(name, value, source string, isDefault bool) {
		t.Helper()
		config, _, err := client.ConfigsV3Api.GetKafkaTopicConfig(ctx, lkcA, "orders", name).Execute()
		if err != nil || config.Value.Get() == nil || *config.Value.Get() != value || config.Source != source || config.IsDefault != isDefault {
			t.Errorf("GetKafkaTopicConfig(%s): %+v, %v; want %s from %s", name, config, err, value, source)
		}
	}
	want("retention.ms", "3600000", "DYNAMIC_TOPIC_CONFIG", false)
	compact := *sdk.NewNullableString(sdk.PtrString("compact"))
	if _, err := client.ConfigsV3Api.UpdateKafkaTopicConfig(ctx, lkcA, "orders", "cleanup.policy").UpdateConfigRequestData(sdk.UpdateConfigRequestData{Value: compact}).Execute(); err != nil {
		t.Errorf("UpdateKafkaTopicConfig: %v", err)
	}
	want("cleanup.policy", "compact", "DYNAMIC_TOPIC_CONFIG", false)
	if _, err := client.ConfigsV3Api.DeleteKafkaTopicConfig(ctx, lkcA, "orders", "cleanup.policy").Execute(); err != nil {
		t.Errorf("DeleteKafkaTopicConfig: %v", err)
	}
	want("cleanup.policy", "delete", "DEFAULT_CONFIG", true)
	for _, data := range [][]sdk.AlterConfigBatchRequestDataData{{}, {{Name: "cleanup.policy", Value: compact}}} {
		if _, err := client.ConfigsV3Api.UpdateKafkaTopicConfigBatch(ctx, lkcA, "orders").AlterConfigBatchRequestData(sdk.AlterConfigBatchRequestData{Data: data}).Execute(); err != nil {
			t.Errorf("UpdateKafkaTopicConfigBatch(%v): %v", data, err)
		}
	}
	want("cleanup.policy", "compact", "DYNAMIC_TOPIC_CONFIG", false)
	if list, _, err := client.ConfigsV3Api.ListKafkaTopicConfigs(ctx, lkcA, "orders").Execute(); err != nil || len(list.Data) == 0 {
		t.Errorf("ListKafkaTopicConfigs: %v", err)
	}
}

func sdkRecord(t *testing.T, ctx context.Context, client *sdk.APIClient) {
	t.Helper()
	kind := "JSON"
	var value any = map[string]any{"total": 3}
	result, response, err := client.RecordsV3Api.ProduceRecord(ctx, lkcA, "orders").ProduceRequest(sdk.ProduceRequest{
		PartitionId: *sdk.NewNullableInt32(sdk.PtrInt32(3)),
		Value:       *sdk.NewNullableProduceRequestData(&sdk.ProduceRequestData{Type: &kind, Data: value}),
	}).Execute()
	if err != nil || response.StatusCode != http.StatusOK || result.ErrorCode != http.StatusOK || result.PartitionId == nil || *result.PartitionId != 3 {
		t.Errorf("ProduceRecord: %+v, %v", result, err)
	}
}

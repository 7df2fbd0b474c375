package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

// KafkaREST administers the topics of one Kafka cluster through Kafka REST v3. It may be used from several
// goroutines once its fields are set.
type KafkaREST struct {
	// URL is the cluster's http_endpoint; ClusterID is lkc-….
	URL, ClusterID string
	// APIKey and APISecret are a Cloud API key of the organization, or an API key of the cluster.
	APIKey, APISecret string
	// HTTPClient sends the requests; nil means http.DefaultClient.
	HTTPClient *http.Client
	// UserAgent is sent with each request where it is not "".
	UserAgent string
}

// Topic is a topic as Kafka REST shows it.
type Topic struct {
	Kind                   string       `json:"kind"`
	Metadata               TopicLinks   `json:"metadata"`
	ClusterID              string       `json:"cluster_id"`
	Name                   string       `json:"topic_name"`
	Internal               bool         `json:"is_internal"`
	ReplicationFactor      int          `json:"replication_factor"`
	PartitionsCount        int          `json:"partitions_count"`
	Partitions             Relationship `json:"partitions"`
	Configs                Relationship `json:"configs"`
	PartitionReassignments Relationship `json:"partition_reassignments"`
	AuthorizedOperations   []string     `json:"authorized_operations,omitempty"`
}

// TopicLinks are the URL and the CRN of something below a topic.
type TopicLinks struct {
	Self         string `json:"self"`
	ResourceName string `json:"resource_name,omitempty"`
}

// Relationship is the URL of something that belongs to an object.
type Relationship struct {
	Related string `json:"related"`
}

// TopicConfig is one configuration of a topic. Value is nil where it is sensitive or has none.
type TopicConfig struct {
	Kind      string          `json:"kind"`
	Metadata  TopicLinks      `json:"metadata"`
	ClusterID string          `json:"cluster_id"`
	TopicName string          `json:"topic_name"`
	Name      string          `json:"name"`
	Value     *string         `json:"value"`
	Default   bool            `json:"is_default"`
	ReadOnly  bool            `json:"is_read_only"`
	Sensitive bool            `json:"is_sensitive"`
	Source    string          `json:"source"`
	Synonyms  []ConfigSynonym `json:"synonyms"`
}

// ConfigSynonym is one place that a configuration's value may come from.
type ConfigSynonym struct {
	Name   string  `json:"name"`
	Value  *string `json:"value"`
	Source string  `json:"source"`
}

// NewTopic is what a topic is to be. Zero PartitionsCount and ReplicationFactor leave the choice to the cluster.
type NewTopic struct {
	Name              string           `json:"topic_name"`
	PartitionsCount   int              `json:"partitions_count,omitempty"`
	ReplicationFactor int              `json:"replication_factor,omitempty"`
	Configs           []NewTopicConfig `json:"configs,omitempty"`
}

// NewTopicConfig is one configuration of a NewTopic.
type NewTopicConfig struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The operations of a ConfigChange.
const (
	ConfigSet    = "SET"
	ConfigDelete = "DELETE" // back to the default
)

// ConfigChange sets a configuration of a topic, or takes it back to its default.
type ConfigChange struct {
	Name      string  `json:"name"`
	Operation string  `json:"operation"`
	Value     *string `json:"value,omitempty"`
}

type kafkaRESTList[T any] struct {
	Data []T `json:"data"`
}

// ListTopics lists the topics.
func (k *KafkaREST) ListTopics(ctx context.Context) ([]Topic, error) {
	list, err := kafkaREST[kafkaRESTList[Topic]](ctx, k, http.MethodGet, "/topics", nil)
	return list.Data, err
}

// GetTopic returns a topic.
func (k *KafkaREST) GetTopic(ctx context.Context, topic string) (Topic, error) {
	return kafkaREST[Topic](ctx, k, http.MethodGet, topicPath(topic), nil)
}

// CreateTopic makes a topic. One that exists is an orrery.Conflict.
func (k *KafkaREST) CreateTopic(ctx context.Context, in NewTopic) (Topic, error) {
	return kafkaREST[Topic](ctx, k, http.MethodPost, "/topics", in)
}

// DeleteTopic deletes a topic with its records.
func (k *KafkaREST) DeleteTopic(ctx context.Context, topic string) error {
	_, err := kafkaREST[struct{}](ctx, k, http.MethodDelete, topicPath(topic), nil)
	return err
}

// SetPartitions gives a topic more partitions; it never gets fewer.
func (k *KafkaREST) SetPartitions(ctx context.Context, topic string, count int) (Topic, error) {
	return kafkaREST[Topic](ctx, k, http.MethodPatch, topicPath(topic), map[string]int{"partitions_count": count})
}

// ListTopicConfigs lists the configurations of a topic.
func (k *KafkaREST) ListTopicConfigs(ctx context.Context, topic string) ([]TopicConfig, error) {
	list, err := kafkaREST[kafkaRESTList[TopicConfig]](ctx, k, http.MethodGet, topicPath(topic)+"/configs", nil)
	return list.Data, err
}

// AlterTopicConfigs changes configurations of a topic, all or none.
func (k *KafkaREST) AlterTopicConfigs(ctx context.Context, topic string, changes []ConfigChange) error {
	_, err := kafkaREST[struct{}](ctx, k, http.MethodPost, topicPath(topic)+"/configs:alter", map[string]any{"data": changes})
	return err
}

func topicPath(topic string) string { return "/topics/" + url.PathEscape(topic) }

// kafkaREST sends a request to a path below the cluster's and decodes the answer into a T.
func kafkaREST[T any](ctx context.Context, k *KafkaREST, method, path string, body any) (T, error) {
	return kafkaRESTAt[T](ctx, k, method, "/kafka/v3/clusters/"+url.PathEscape(k.ClusterID)+path, body)
}

// kafkaRESTAt is kafkaREST with a path from the root.
func kafkaRESTAt[T any](ctx context.Context, k *KafkaREST, method, path string, body any) (T, error) {
	var out T
	connection := &Client{URL: k.URL, APIKey: k.APIKey, APISecret: k.APISecret, UserAgent: k.UserAgent}
	request, err := connection.request(ctx, method, path, nil, body)
	if err != nil {
		return out, err
	}
	httpClient := k.HTTPClient
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return out, unreachable(k.URL, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return out, unreachable(k.URL, err)
	case len(content) > maxAnswer:
		return out, orrery.Errorf(orrery.Invalid, "the answer of %s is larger than %d bytes", k.URL, maxAnswer)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return out, kafkaRESTFailure(k.URL, response, content)
	case len(bytes.TrimSpace(content)) == 0:
		return out, nil
	}
	if err := json.Unmarshal(content, &out); err != nil {
		return out, &orrery.Error{Code: orrery.Invalid, Message: fmt.Sprintf("the answer of %s cannot be understood; is this the http_endpoint of a Kafka cluster?", k.URL), Err: err}
	}
	return out, nil
}

// The error codes of Kafka REST that say more than the HTTP status: the first three digits are the status.
const topicExists = 40002

// kafkaRESTFailure makes an error of {error_code, message}.
func kafkaRESTFailure(address string, response *http.Response, content []byte) error {
	var body struct {
		ErrorCode int    `json:"error_code"`
		Message   string `json:"message"`
	}
	if json.Unmarshal(content, &body) != nil || body.Message == "" {
		return failure(address, response, content)
	}
	code := wire.CodeOf("", response.StatusCode)
	if body.ErrorCode == topicExists {
		code = orrery.Conflict
	}
	return &orrery.Error{
		Code: code, Message: strings.TrimSpace(body.Message),
		Err: &Failure{Status: response.StatusCode, RequestID: response.Header.Get("X-Request-Id")},
	}
}

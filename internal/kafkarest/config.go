package kafkarest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
)

// configData is KafkaTopicConfig of the public API.
type configData struct {
	Kind        string          `json:"kind"`
	Metadata    metadata        `json:"metadata"`
	ClusterID   string          `json:"cluster_id"`
	TopicName   string          `json:"topic_name"`
	Name        string          `json:"name"`
	Value       *string         `json:"value"`
	IsDefault   bool            `json:"is_default"`
	IsReadOnly  bool            `json:"is_read_only"`
	IsSensitive bool            `json:"is_sensitive"`
	Source      string          `json:"source"`
	Synonyms    []configSynonym `json:"synonyms"`
}

type configSynonym struct {
	Name   string  `json:"name"`
	Value  *string `json:"value"`
	Source string  `json:"source"`
}

// elementConfig is the type of a configuration's element in a CRN.
const elementConfig = "config"

func (c *call) configData(topic string, config kmsg.DescribeConfigsResponseResourceConfig) configData {
	synonyms := []configSynonym{}
	for _, synonym := range config.ConfigSynonyms {
		synonyms = append(synonyms, configSynonym{synonym.Name, synonym.Value, sourceName(synonym.Source)})
	}
	return configData{
		Kind: "KafkaTopicConfig",
		Metadata: metadata{
			Self:         c.link("topics", topic, "configs", config.Name),
			ResourceName: c.crn().With(orrery.CRNTopic, topic).With(elementConfig, config.Name).String(),
		},
		ClusterID:   c.caller.LogicalClusterID,
		TopicName:   topic,
		Name:        config.Name,
		Value:       config.Value,
		IsDefault:   config.Source == kmsg.ConfigSourceDefaultConfig,
		IsReadOnly:  config.ReadOnly,
		IsSensitive: config.IsSensitive,
		Source:      sourceName(config.Source),
		Synonyms:    synonyms,
	}
}

// sourceName is the public API's name of where a value comes from.
func sourceName(source kmsg.ConfigSource) string {
	if source < kmsg.ConfigSourceDynamicTopicConfig || source > kmsg.ConfigSourceDynamicBrokerLoggerConfig {
		return "UNKNOWN"
	}
	return source.String()
}

// configs reads the configuration of topics, sorted by topic and name; only one key where name is not empty.
func (c *call) configs(ctx context.Context, topics []string, name string) ([]configData, error) {
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.IncludeSynonyms = true
	for _, topic := range topics {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
		if name != "" {
			resource.ConfigNames = []string{name}
		}
		request.Resources = append(request.Resources, resource)
	}
	data := []configData{}
	if len(topics) == 0 {
		return data, nil
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	for _, resource := range response.Resources {
		if err := c.topicError(resource.ErrorCode, resource.ErrorMessage, resource.ResourceName); err != nil {
			return nil, err
		}
		for _, config := range resource.Configs {
			data = append(data, c.configData(resource.ResourceName, config))
		}
	}
	slices.SortFunc(data, func(a, b configData) int {
		return strings.Compare(a.TopicName+"/"+a.Name, b.TopicName+"/"+b.Name) // no topic's name has a slash
	})
	return data, nil
}

func listConfigs(ctx context.Context, c *call) error {
	data, err := c.configs(ctx, []string{c.topic()}, "")
	if err != nil {
		return err
	}
	return c.answerConfigs(data, c.topic())
}

// listAllConfigs has the configuration of every topic.
func listAllConfigs(ctx context.Context, c *call) error {
	topics, err := c.describe(ctx, nil, false)
	if err != nil {
		return err
	}
	var names []string
	for _, topic := range topics {
		if topic.ErrorCode == 0 {
			names = append(names, *topic.Topic)
		}
	}
	data, err := c.configs(ctx, names, "")
	if err != nil {
		return err
	}
	return c.answerConfigs(data, "-")
}

func (c *call) answerConfigs(data []configData, topic string) error {
	return c.answer(http.StatusOK, list[configData]{Kind: "KafkaTopicConfigList", Metadata: listMetadata{Self: c.link("topics", topic, "configs")}, Data: data})
}

func getConfig(ctx context.Context, c *call) error {
	name := c.request.PathValue("name")
	data, err := c.configs(ctx, []string{c.topic()}, name)
	if err != nil {
		return err
	}
	for _, config := range data {
		if config.Name == name {
			return c.answer(http.StatusOK, config)
		}
	}
	return &failure{status: http.StatusNotFound, code: http.StatusNotFound, message: fmt.Sprintf("a topic has no configuration %q", name)}
}

// putConfig sets one key.
func putConfig(ctx context.Context, c *call) error {
	var body struct {
		Value *string `json:"value"`
	}
	if err := c.read(&body); err != nil {
		return err
	}
	if body.Value == nil {
		return badRequest("value is required; DELETE resets a configuration to its default")
	}
	return c.alter(ctx, []alteration{{Name: c.request.PathValue("name"), Value: body.Value}}, false)
}

// deleteConfig resets one key to its default.
func deleteConfig(ctx context.Context, c *call) error {
	return c.alter(ctx, []alteration{{Name: c.request.PathValue("name"), Operation: operationDelete}}, false)
}

// alteration is an element of AlterConfigBatchRequestData of the public API.
type alteration struct {
	Name      string  `json:"name"`
	Value     *string `json:"value"`
	Operation string  `json:"operation"`
}

// The operations of an alteration; none is operationSet.
const (
	operationSet    = "SET"
	operationDelete = "DELETE"
)

// alterConfigs changes several keys at once, all or none.
func alterConfigs(ctx context.Context, c *call) error {
	var body struct {
		Data         *[]alteration `json:"data"`
		ValidateOnly bool          `json:"validate_only"`
	}
	if err := c.read(&body); err != nil {
		return err
	}
	if body.Data == nil {
		return badRequest("data is required: a list of {name, value, operation}")
	}
	return c.alter(ctx, *body.Data, body.ValidateOnly)
}

// alter changes the configuration of the path's topic. With nothing to change it still has to exist.
func (c *call) alter(ctx context.Context, alterations []alteration, validateOnly bool) error {
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, c.topic()
	for i, a := range alterations {
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name = a.Name
		switch a.Operation {
		case "", operationSet:
			if config.Op, config.Value = kmsg.IncrementalAlterConfigOpSet, a.Value; a.Value == nil {
				return badRequest("data[%d]: setting %q needs a value", i, a.Name)
			}
		case operationDelete:
			config.Op = kmsg.IncrementalAlterConfigOpDelete
		default:
			return badRequest("data[%d]: the operation %q does not exist: SET or DELETE", i, a.Operation)
		}
		resource.Configs = append(resource.Configs, config)
	}
	if len(alterations) == 0 {
		if _, err := c.describeTopic(ctx, c.topic(), false); err != nil {
			return err
		}
		return c.noContent()
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources, request.ValidateOnly = append(request.Resources, resource), validateOnly
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if len(response.Resources) != 1 {
		return errUnexpected
	}
	if err := c.topicError(response.Resources[0].ErrorCode, response.Resources[0].ErrorMessage, c.topic()); err != nil {
		return withRetryAfter(err, response.ThrottleMillis)
	}
	return c.noContent()
}

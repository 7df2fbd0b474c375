package gateway_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

func TestTopicAdministration(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
		ctx, admin := testContext(t), r.admin()
		created, err := admin.CreateTopic(ctx, -1, 3, map[string]*string{"retention.ms": kadm.StringPtr("1000")}, "orders")
		if err != nil || created.NumPartitions != tenancy.DefaultPartitions || created.ReplicationFactor != 1 || created.ID == (kadm.TopicID{}) {
			t.Errorf("created %+v (%v)", created, err)
		}
		if got := created.Configs["retention.ms"]; got.Value == nil || *got.Value != "1000" || got.Source != kmsg.ConfigSourceDynamicTopicConfig {
			t.Errorf("its configuration is %+v", created.Configs)
		}
		if _, err := admin.CreateTopic(ctx, 1, 1, nil, "orders"); err != kerr.TopicAlreadyExists {
			t.Errorf("creating it again: %v", err)
		}
		if _, err := admin.CreateTopic(ctx, 1, 1, nil, "__consumer_offsets"); err != nil {
			t.Errorf("an internal name, which is not special inside a tenant: %v", err)
		}
		grown, err := admin.UpdatePartitions(ctx, 8, "orders")
		if err != nil || grown.Error() != nil {
			t.Errorf("more partitions: %v, %v", err, grown.Error())
		}
		grown, err = admin.UpdatePartitions(ctx, 8, "orders")
		if got := grown["orders"]; err != nil || got.Err != kerr.InvalidPartitions || !strings.Contains(got.ErrMessage, "has 8 partitions") {
			t.Errorf("as many partitions as there are: %v, %+v", err, got)
		}
		eventually(t, func() string {
			if topics, err := admin.ListTopics(ctx); err != nil || len(topics["orders"].Partitions) != 8 {
				return fmt.Sprintf("the topics are %v (%v)", topics, err)
			}
			return ""
		})
		removed, err := admin.DeleteTopics(ctx, "orders", "nothing")
		if err != nil || removed["orders"].Err != nil || removed["nothing"].Err != kerr.UnknownTopicOrPartition {
			t.Errorf("deleting: %+v (%v)", removed, err)
		}
	})
}

func TestTopicPolicy(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	ctx, client := testContext(t), r.client()
	topic := func(name string, change func(*kmsg.CreateTopicsRequestTopic)) kmsg.CreateTopicsRequestTopic {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, 1, 1
		if change != nil {
			change(&t)
		}
		return t
	}
	config := func(name, value string) func(*kmsg.CreateTopicsRequestTopic) {
		return func(t *kmsg.CreateTopicsRequestTopic) {
			t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: name, Value: &value})
		}
	}
	for _, c := range []struct {
		topic kmsg.CreateTopicsRequestTopic
		want  *kerr.Error
		says  string
	}{
		{topic("good", config("cleanup.policy", "compact")), nil, ""},
		{topic("no spaces", nil), kerr.InvalidTopicException, "ASCII"},
		{topic("", nil), kerr.InvalidTopicException, "required"},
		{topic(strings.Repeat("x", 239), nil), kerr.InvalidTopicException, "at most 238"},
		{topic(strings.Repeat("x", 32_700), nil), kerr.InvalidTopicException, "at most 238"},
		{topic("a", config("segment.bytes", "1")), kerr.PolicyViolation, "52428800 to 1073741824"},
		{topic("b", config("kfake.is_internal", "true")), kerr.InvalidConfig, "retention.ms"},
		{topic("c", config("retention.ms", "long")), kerr.InvalidConfig, "integer"},
		{topic("d", config("unclean.leader.election.enable", "true")), kerr.PolicyViolation, "set by the service"},
		{topic("e", func(t *kmsg.CreateTopicsRequestTopic) { t.NumPartitions = 0 }), kerr.InvalidPartitions, "at least 1"},
		{topic("f", func(t *kmsg.CreateTopicsRequestTopic) { t.ReplicationFactor = -7 }), kerr.InvalidReplicationFactor, "at least 1"},
		{topic("g", func(t *kmsg.CreateTopicsRequestTopic) {
			t.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{0}}}
		}), kerr.PolicyViolation, "places replicas"},
		{topic("h", func(t *kmsg.CreateTopicsRequestTopic) { t.NumPartitions = 1001 }), kerr.PolicyViolation, "1000 partitions"},
	} {
		request := kmsg.NewPtrCreateTopicsRequest()
		request.TimeoutMillis, request.Topics = 5000, []kmsg.CreateTopicsRequestTopic{c.topic}
		response, err := request.RequestWith(ctx, client)
		if err != nil || len(response.Topics) != 1 {
			t.Errorf("%.20s: %+v, %v", c.topic.Topic, response, err)
			continue
		}
		got := response.Topics[0]
		if kerr.TypedErrorForCode(got.ErrorCode) != c.want || got.Topic != c.topic.Topic || c.want != nil && (got.ErrorMessage == nil || !strings.Contains(*got.ErrorMessage, c.says)) {
			t.Errorf("%.20s: %+v", c.topic.Topic, got)
		}
	}
	two := kmsg.NewPtrCreateTopicsRequest()
	two.Topics = []kmsg.CreateTopicsRequestTopic{topic("twice", nil), topic("twice", nil), topic("once", nil)}
	response, err := two.RequestWith(ctx, client)
	if err != nil || len(response.Topics) != 3 || response.Topics[0].ErrorCode != kerr.InvalidRequest.Code || response.Topics[2].ErrorCode != 0 {
		t.Errorf("one topic twice and another once: %+v, %v", response, err)
	}
	eventually(t, func() string {
		if names, err := r.admin().ListTopics(ctx); err != nil || !slices.Equal(names.Names(), []string{"good", "once"}) {
			return fmt.Sprintf("the topics are %v (%v)", names.Names(), err)
		}
		return ""
	})
}

func TestPartitionLimit(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	r, other := both[0], both[1]
	other.createTopic("big", 30)
	r.tenant.MaxPartitions = 10
	c.Put(tenancy.StateTenant, r.tenant.LogicalClusterID, r.tenant)
	ctx, admin := testContext(t), r.admin()
	r.createTopic("first", 6)
	created, err := admin.CreateTopics(ctx, 3, 1, nil, "second", "third")
	if err != nil {
		t.Fatal(err)
	}
	if codes := []error{created["second"].Err, created["third"].Err}; !slices.Contains(codes, nil) || !slices.Contains(codes, error(kerr.PolicyViolation)) {
		t.Errorf("6 + 3 + 3 partitions of 10: %v", codes)
	}
	if _, err := admin.CreateTopic(ctx, 6, 1, nil, "first"); err != kerr.TopicAlreadyExists {
		t.Errorf("a topic that exists takes nothing: %v", err)
	}
	if validated, err := admin.ValidateCreateTopics(ctx, 1, 1, nil, "validated"); err != nil || validated.Error() != nil {
		t.Errorf("validating: %v, %v", err, validated.Error())
	}
	grown, err := admin.UpdatePartitions(ctx, 8, "first")
	if err != nil || grown["first"].Err != kerr.PolicyViolation || !strings.Contains(grown["first"].ErrMessage, "has 9") {
		t.Errorf("9 + 2 partitions of 10: %+v, %v", grown, err)
	}
	if grown, err := admin.UpdatePartitions(ctx, 7, "first"); err != nil || grown.Error() != nil {
		t.Errorf("9 + 1 partitions of 10: %v, %v", err, grown.Error())
	}
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "more"); err != kerr.PolicyViolation {
		t.Errorf("10 + 1 partitions of 10: %v", err)
	}
	if removed, err := admin.DeleteTopics(ctx, "first"); err != nil || removed.Error() != nil {
		t.Fatal(err, removed.Error())
	}
	r.createTopic("more", 7)
}

// A topic that was deleted elsewhere while this gateway still counts it is made again within the limit, or not at all:
// else who deletes and creates at once has as many partitions as it likes.
func TestPartitionLimitOfTopicsThatWereThere(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.tenant.MaxPartitions = 10
	r.tenant.Quotas.PartitionChangesPerFiveMinutes = 8
	c.Put(tenancy.StateTenant, r.tenant.LogicalClusterID, r.tenant)
	direct := kadm.NewClient(engineClient(t, c))
	// At once, so that it is counted for as long as a broker may take to learn what is gone.
	for _, again := range []struct {
		partitions int32
		want       error
	}{{10, kerr.TopicAlreadyExists}, {5, nil}} {
		r.createTopic("orders", 1)
		if removed, err := direct.DeleteTopics(testContext(t), "lkc-aaaaaa_orders"); err != nil || removed.Error() != nil {
			t.Fatal(err, removed.Error())
		}
		_, err := r.admin().CreateTopic(testContext(t), again.partitions, -1, nil, "orders")
		if err == kerr.PolicyViolation && again.want != nil {
			err = again.want // this machine took so long that it is no longer counted
		}
		if err != again.want {
			t.Errorf("%d partitions beside the one that is gone, of 10: %v, want %v", again.partitions, err, again.want)
		}
	}
	// 1 + 1 + 5 changes: one is left, and what goes beyond it is the last.
	var errs []error
	for _, name := range []string{"audit", "more"} {
		_, err := r.admin().CreateTopic(testContext(t), 2, -1, nil, name)
		if errs = append(errs, err); err == nil {
			err = gatewaytest.Known(testContext(t), c.Kafka, "lkc-aaaaaa_"+name) // else it might be left to the next test
		}
		if err != nil && err != kerr.ThrottlingQuotaExceeded {
			t.Error(err)
		}
	}
	if !slices.Contains(errs, error(kerr.ThrottlingQuotaExceeded)) {
		t.Errorf("what was made again was not charged as a change: %v", errs)
	}
}

// Many requests at once do not each get what is left.
func TestPartitionLimitUnderConcurrency(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.tenant.MaxPartitions = 10
	c.Put(tenancy.StateTenant, r.tenant.LogicalClusterID, r.tenant)
	ctx, made := testContext(t), make(chan error)
	const requests = 12
	for i := range requests {
		admin := r.admin()
		go func() {
			_, err := admin.CreateTopic(ctx, 3, 1, nil, "topic-"+string(rune('a'+i)))
			made <- err
		}()
	}
	succeeded := 0
	for range requests {
		switch err := <-made; err {
		case nil:
			succeeded++
		case kerr.PolicyViolation:
		default:
			t.Error(err)
		}
	}
	if succeeded == 0 || succeeded > 3 {
		t.Errorf("%d topics of 3 partitions were made in a cluster of 10", succeeded)
	}
	eventually(t, func() string {
		if topics, err := r.admin().ListTopics(ctx); err != nil || len(topics) != succeeded {
			return fmt.Sprintf("there are %d topics, and %d were made (%v)", len(topics), succeeded, err)
		}
		return ""
	})
}

func TestConfigurations(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
		ctx, admin := testContext(t), r.admin()
		r.createTopic("orders", 1)
		set := func(name, value string) kadm.AlterConfig {
			return kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value}
		}
		alter := func(want error, says string, changes ...kadm.AlterConfig) {
			t.Helper()
			altered, err := admin.AlterTopicConfigs(ctx, changes, "orders")
			if err != nil || len(altered) != 1 || altered[0].Name != "orders" || altered[0].Err != want || !strings.Contains(altered[0].ErrMessage, says) {
				t.Errorf("%+v: %+v (%v)", changes, altered, err)
			}
		}
		alter(nil, "", set("retention.ms", "5000"), set("max.message.bytes", "8388608"))
		alter(kerr.PolicyViolation, "0 to 8388608", set("max.message.bytes", "8388609"))
		alter(kerr.InvalidConfig, "these can", set("retention.msx", "1"))
		alter(kerr.PolicyViolation, "set by the service", set("flush.ms", "1"))
		alter(kerr.InvalidConfig, "not a list", kadm.AlterConfig{Op: kadm.AppendConfig, Name: "retention.ms", Value: kadm.StringPtr("1")})
		alter(kerr.InvalidRequest, "more than once", set("retention.ms", "1"), set("retention.ms", "2"))
		alter(nil, "", kadm.AlterConfig{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")})
		expectConfig(t, admin, "cleanup.policy", "delete,compact")
		alter(nil, "", kadm.AlterConfig{Op: kadm.SubtractConfig, Name: "cleanup.policy", Value: kadm.StringPtr("delete")})
		expectConfig(t, admin, "cleanup.policy", "compact")
		last := kadm.AlterConfig{Op: kadm.SubtractConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")}
		if c.Kafka.Engine == kafkatest.Embedded {
			alter(kerr.InvalidConfig, "delete, compact", last)
		} else { // a topic without a policy keeps everything (KIP-1161)
			alter(nil, "", last)
			expectConfig(t, admin, "cleanup.policy", "")
		}
		expectConfig(t, admin, "retention.ms", "5000")
		alter(nil, "", kadm.AlterConfig{Op: kadm.DeleteConfig, Name: "retention.ms"})
		expectConfig(t, admin, "retention.ms", "604800000")

		// The old API replaces everything that a tenant can set.
		replaced, err := admin.AlterTopicConfigsState(ctx, []kadm.AlterConfig{{Name: "retention.bytes", Value: kadm.StringPtr("1000")}}, "orders")
		if err != nil || len(replaced) != 1 || replaced[0].Err != nil || replaced[0].Name != "orders" {
			t.Errorf("replacing: %+v (%v)", replaced, err)
		}
		expectConfig(t, admin, "retention.bytes", "1000")
		expectConfig(t, admin, "cleanup.policy", "delete")
		replaced, err = admin.AlterTopicConfigsState(ctx, []kadm.AlterConfig{{Name: "segment.ms", Value: kadm.StringPtr("1")}}, "orders")
		if err != nil || replaced[0].Err != kerr.PolicyViolation {
			t.Errorf("replacing with what is not allowed: %+v (%v)", replaced, err)
		}
		expectConfig(t, admin, "retention.bytes", "1000")
	})
}

// expectConfig waits until the topic "orders" has a configuration value: a broker of Apache Kafka learns of a change
// from its controller, a moment after the change was answered. None may be shown which is not for tenants.
func expectConfig(t *testing.T, admin *kadm.Client, name, want string) {
	t.Helper()
	poll.Until(t, fmt.Sprintf("%s to be %q", name, want), func() bool {
		described, err := admin.DescribeTopicConfigs(testContext(t), "orders")
		if err != nil || len(described) != 1 || described[0].Err != nil || described[0].Name != "orders" {
			t.Fatalf("describing: %+v (%v)", described, err)
		}
		found := false
		for _, c := range described[0].Configs {
			if _, ok := tenancy.TopicConfigs.Find(c.Key); !ok {
				t.Fatalf("a tenant is shown %s", c.Key)
			}
			if c.Source != kmsg.ConfigSourceDefaultConfig && c.Source != kmsg.ConfigSourceDynamicTopicConfig {
				t.Fatalf("%s comes from %s", c.Key, c.Source)
			}
			found = found || c.Key == name && c.MaybeValue() == want
		}
		return found
	})
}

// What the platform sets for every broker shows as a default, and what the engine stores beyond the allow-list does
// not show.
func TestPlatformConfigurationIsHidden(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("orders", 1)
	ctx, engine := testContext(t), kadm.NewClient(engineClient(t, c))
	if _, err := engine.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "log.retention.ms", Value: kadm.StringPtr("777")}}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "leader.replication.throttled.replicas", Value: kadm.StringPtr("0:1")}}, "lkc-aaaaaa_orders"); err != nil {
		t.Fatal(err)
	}
	expectConfig(t, r.admin(), "cleanup.policy", "delete")
	request := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range []string{"0", "17"} {
		request.Resources = append(request.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: name})
	}
	answer, err := r.client().Broker(0).RetriableRequest(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	brokers := answer.(*kmsg.DescribeConfigsResponse).Resources
	if len(brokers) != 2 || brokers[0].ErrorCode != 0 || brokers[1].ErrorCode != kerr.InvalidRequest.Code {
		t.Fatalf("a broker, and one that does not exist: %+v", brokers)
	}
	var shown []string
	for _, config := range brokers[0].Configs {
		shown = append(shown, config.Name+"="+*config.Value)
	}
	want := []string{"auto.create.topics.enable=false", "broker.id=0", "default.replication.factor=1", "delete.topic.enable=true", "message.max.bytes=8388608", "num.partitions=6"}
	if !slices.Equal(shown, want) {
		t.Errorf("the broker has %v", shown)
	}
	altered, err := r.admin().AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "log.retention.ms", Value: kadm.StringPtr("1")}}, 0)
	if err != nil || altered[0].Err != kerr.ClusterAuthorizationFailed {
		t.Errorf("altering a broker: %+v (%v)", altered, err)
	}
}

func TestGroupConfigurations(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	ctx := testContext(t)
	alter := func(r *resident, name, value string) int16 {
		t.Helper()
		request := kmsg.NewPtrIncrementalAlterConfigsRequest()
		request.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
			ResourceType: kmsg.ConfigResourceTypeGroupConfig, ResourceName: "workers",
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: name, Value: &value}},
		}}
		response, err := request.RequestWith(ctx, r.client())
		if err != nil || len(response.Resources) != 1 || response.Resources[0].ResourceName != "workers" {
			t.Fatalf("%+v, %v", response, err)
		}
		return response.Resources[0].ErrorCode
	}
	if code := alter(both[0], "consumer.session.timeout.ms", "50000"); code != 0 {
		t.Error(kerr.ErrorForCode(code))
	}
	if code := alter(both[0], "consumer.session.timeout.ms", "1"); code != kerr.PolicyViolation.Code {
		t.Error(kerr.ErrorForCode(code))
	}
	if code := alter(both[0], "share.max.size", "100"); code != kerr.InvalidConfig.Code {
		t.Error(kerr.ErrorForCode(code))
	}
	configs, replicas, tooMany := len(tenancy.GroupConfigs), kerr.InvalidConfig.Code, kerr.InvalidConfig.Code // without streams groups
	if c.Kafka.Engine == kafkatest.Apache {
		configs, replicas, tooMany = configs+len(tenancy.StreamsGroupConfigs), 0, kerr.PolicyViolation.Code
	}
	if code := alter(both[0], "streams.num.standby.replicas", "2"); code != replicas {
		t.Error(kerr.ErrorForCode(code))
	}
	if code := alter(both[0], "streams.num.standby.replicas", "3"); code != tooMany {
		t.Error(kerr.ErrorForCode(code))
	}
	for i, altered := range []bool{true, false} {
		eventually(t, func() string { // a broker answers before what it describes is what was altered
			request := kmsg.NewPtrDescribeConfigsRequest()
			request.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeGroupConfig, ResourceName: "workers"}}
			response, err := request.RequestWith(ctx, both[i].client())
			if err != nil || len(response.Resources) != 1 || len(response.Resources[0].Configs) != configs {
				t.Fatalf("%+v, %v", response, err)
			}
			for _, config := range response.Resources[0].Configs {
				value := ""
				if config.Value != nil {
					value = *config.Value
				}
				if config.Name == "consumer.session.timeout.ms" && (value == "50000") != altered {
					return fmt.Sprintf("%s has %q", both[i].tenant.LogicalClusterID, value)
				}
			}
			return ""
		})
	}
	replace := kmsg.NewPtrAlterConfigsRequest()
	replace.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeGroupConfig, ResourceName: "workers"}}
	response, err := replace.RequestWith(ctx, both[0].client())
	if err != nil || len(response.Resources) != 1 || response.Resources[0].ErrorCode != 0 {
		t.Errorf("replacing what is set with nothing: %+v, %v", response, err)
	}
}

func TestListConfigResources(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	for _, r := range residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb") {
		name := "of " + r.tenant.LogicalClusterID[4:]
		r.createTopic(strings.ReplaceAll(name, " ", "-"), 1)
		listed, err := r.admin().ListConfigResources(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, resource := range listed.Resources {
			names = append(names, resource.Name)
		}
		slices.Sort(names)
		if want := []string{"0", strings.ReplaceAll(name, " ", "-")}; !slices.Equal(names, want) {
			t.Errorf("%s is shown %v, not %v", r.tenant.LogicalClusterID, names, want)
		}
	}
}

func TestDeleteRecords(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	for _, r := range both {
		r.createTopic("orders", 1)
		produceMany(t, r, "orders", 10)
	}
	ctx := testContext(t)
	var before kadm.Offsets
	before.Add(kadm.Offset{Topic: "orders", Partition: 0, At: 7})
	deleted, err := both[0].admin().DeleteRecords(ctx, before)
	if got, _ := deleted.Lookup("orders", 0); err != nil || got.Err != nil || got.LowWatermark != 7 {
		t.Errorf("deleting records: %+v (%v)", deleted, err)
	}
	for i, want := range []int64{7, 0} {
		start, err := both[i].admin().ListStartOffsets(ctx, "orders")
		if got, _ := start.Lookup("orders", 0); err != nil || got.Offset != want {
			t.Errorf("%s begins at %d, not %d (%v)", both[i].tenant.LogicalClusterID, got.Offset, want, err)
		}
	}
	if records := consume(t, both[1].client(kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), 10); len(records) != 10 {
		t.Errorf("the other tenant has %d records", len(records))
	}
}

// Of two changes to a list at once neither is lost.
func TestListsAreChangedTogether(t *testing.T) {
	gatewaytest.ApacheOnly(t, "the embedded engine cannot change a list that has its default, so the gateway reads and sets it")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("orders", 1)
	first, second := r.admin(), r.admin()
	alter := func(admin *kadm.Client, op kadm.IncrementalOp, value string) error {
		altered, err := admin.AlterTopicConfigs(testContext(t), []kadm.AlterConfig{{Op: op, Name: "cleanup.policy", Value: &value}}, "orders")
		if err != nil {
			return err
		}
		return altered[0].Err
	}
	for range 20 {
		if err := alter(first, kadm.SetConfig, "delete"); err != nil {
			t.Fatal(err)
		}
		expectConfig(t, first, "cleanup.policy", "delete")
		done := make(chan error, 2)
		go func() { done <- alter(first, kadm.AppendConfig, "compact") }()
		go func() { done <- alter(second, kadm.AppendConfig, "delete") }() // there already, so it changes nothing
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		expectConfig(t, first, "cleanup.policy", "delete,compact")
	}
}

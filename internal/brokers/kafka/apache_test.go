package kafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/brokerstest"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// apache is real brokers under the suite.
type apache struct{ *kafkatest.Cluster }

func startApache(t *testing.T, o kafkatest.Options) apache {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	return apache{kafkatest.StartApache(t, o)}
}

func (a apache) Open(t *testing.T, changed func()) brokers.Cluster {
	t.Helper()
	controllers := map[int32]string{}
	for _, b := range a.Brokers {
		controllers[b.Node] = b.ControllerAddress
	}
	c, err := kafka.Open("pkc-1", brokers.Access{Seeds: a.Addresses(""), Controllers: controllers}, nil, changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (a apache) CreateTopic(t *testing.T, name string, replicas ...[]int32) {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for number, nodes := range replicas {
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Partition, assignment.Replicas = int32(number), nodes
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, assignment)
	}
	minimum := kmsg.NewCreateTopicsRequestTopicConfig()
	minimum.Name, minimum.Value = "min.insync.replicas", kmsg.StringPtr("2")
	topic.Configs = append(topic.Configs, minimum)
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis, request.Topics = 30_000, append(request.Topics, topic)
	response, err := request.RequestWith(t.Context(), a.Client(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if code := response.Topics[0].ErrorCode; code != 0 {
		t.Fatalf("creating %s: code %d", name, code)
	}
}

func (a apache) Fill(t *testing.T, name string, size int64) {
	t.Helper()
	client := a.Client(t, "", kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := bytes.Repeat([]byte("x"), 512<<10)
	for range size/int64(len(value)) + 1 {
		client.Produce(t.Context(), &kgo.Record{Topic: name, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("filling %s: %v", name, err)
			}
		})
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (a apache) Freeze(t *testing.T, node int32)      { must(t, a.Brokers[node].Pause()) }
func (a apache) Thaw(t *testing.T, node int32)        { must(t, a.Brokers[node].Resume()) }
func (a apache) Stop(t *testing.T, node int32)        { must(t, a.Brokers[node].Stop()) }
func (a apache) Kill(t *testing.T, node int32)        { must(t, a.Brokers[node].Kill()) }
func (a apache) Start(t *testing.T, node int32)       { must(t, a.Brokers[node].Start()) }
func (a apache) ReplaceDisk(t *testing.T, node int32) { must(t, a.Brokers[node].ReplaceDisk()) }
func (a apache) AddBroker(t *testing.T) {
	_, err := a.Cluster.AddBroker()
	must(t, err)
}
func (a apache) Copy() {}

// TestApache runs the suite on three brokers, on which the rest of what is asked of real ones is tested as well.
func TestApache(t *testing.T) {
	a := startApache(t, kafkatest.Options{Brokers: 3})
	t.Run("Dynamic", a.dynamic)
	t.Run("Settings", a.settings)
	t.Run("Suite", func(t *testing.T) { brokerstest.RunReplicated(t, a) })
	t.Run("NoThrottleIsLeft", a.noThrottleIsLeft)
	t.Run("NoController", a.noController)
}

// dynamic compares the table of what can be changed without a restart with what a broker says of each of its settings:
// whether it is read-only, whether it is refused for all brokers at once, and whether it is for a listener only.
func (a apache) dynamic(t *testing.T) {
	client := a.Client(t, "")
	validate := func(node int32, name string, value *string) string {
		change := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		change.Name, change.Value = name, value
		resource := kmsg.NewIncrementalAlterConfigsRequestResource()
		resource.ResourceType, resource.Configs = kmsg.ConfigResourceTypeBroker, append(resource.Configs, change)
		if node != brokers.ClusterWide {
			resource.ResourceName = strconv.Itoa(int(node))
		}
		request := kmsg.NewPtrIncrementalAlterConfigsRequest()
		request.ValidateOnly, request.Resources = true, append(request.Resources, resource)
		response, err := client.Broker(0).Request(t.Context(), request)
		must(t, err)
		if message := response.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorMessage; message != nil {
			return *message
		}
		return ""
	}
	settings, err := a.Open(t, nil).Configuration(t.Context(), 0)
	must(t, err)
	counts := map[brokers.Scope]int{}
	for _, s := range settings {
		value, scope := s.Value, brokers.Dynamic(s.Name)
		if value == "" && strings.HasSuffix(s.Name, ".ms") {
			value = "1000" // without one, Kafka says that none is no number before it says anything else
		}
		forAll := validate(brokers.ClusterWide, s.Name, &value)
		want := brokers.WholeCluster
		switch {
		case s.ReadOnly || strings.Contains(forAll, "only per-listener") || s.Name == "ssl.engine.factory.class":
			want = brokers.ReadOnly
		case strings.Contains(forAll, "broker id must be specified"):
			want = brokers.PerBroker
		case forAll != "":
			t.Errorf("%s=%s for all brokers: %s", s.Name, value, forAll)
		}
		if scope != want {
			t.Errorf("%s is %s in the table and %s on a broker (%s)", s.Name, scope, want, forAll)
		}
		counts[scope]++
	}
	if counts[brokers.ReadOnly] < 100 || counts[brokers.WholeCluster] < 50 || counts[brokers.PerBroker] < 20 {
		t.Errorf("there are %v", counts)
	}
	// Brokers do not list what is dynamic only, nor what has a listener's prefix.
	for name, scope := range map[string]brokers.Scope{
		"leader.replication.throttled.rate": brokers.WholeCluster, "follower.replication.throttled.rate": brokers.WholeCluster,
		"replica.alter.log.dirs.io.max.bytes.per.second": brokers.WholeCluster,
		"listener.name.admin.max.connections":            brokers.WholeCluster, "listener.name.admin.max.connection.creation.rate": brokers.WholeCluster,
		"listener.name.admin.num.network.threads": brokers.WholeCluster, "listener.name.admin.sasl.login.refresh.buffer.seconds": brokers.PerBroker,
		"listener.name.admin.plain.sasl.jaas.config": brokers.PerBroker,
	} {
		value := "2"
		forAll, forOne := validate(brokers.ClusterWide, name, &value), validate(0, name, &value)
		refused := strings.Contains(forAll, "broker id must be specified")
		if brokers.Dynamic(name) != scope || refused != (scope == brokers.PerBroker) || scope == brokers.WholeCluster && forAll+forOne != "" {
			t.Errorf("%s is %s in the table, and a broker says %q for all and %q for one", name, brokers.Dynamic(name), forAll, forOne)
		}
	}
}

// settings are changed on real brokers: what they were started with is told, and what they do not take is refused.
func (a apache) settings(t *testing.T) {
	c := a.Open(t, nil)
	settings, err := c.Configuration(t.Context(), 1)
	must(t, err)
	got := map[string]brokers.Setting{}
	for _, s := range settings {
		got[s.Name] = s
	}
	for _, want := range []brokers.Setting{
		{Name: "offsets.topic.num.partitions", Value: "3", Source: brokers.SourceStatic, ReadOnly: true},
		// With eligible leader replicas (KIP-966) the controllers have it, for all brokers, from the beginning.
		{Name: "min.insync.replicas", Value: "2", Source: brokers.SourceClusterWide}, {Name: "node.id", Value: "1", Source: brokers.SourceStatic, ReadOnly: true},
		{Name: "num.io.threads", Value: "8", Source: brokers.SourceDefault}, {Name: "ssl.key.password", Source: brokers.SourceDefault, Sensitive: true},
	} {
		if got[want.Name] != want {
			t.Errorf("%+v; want %+v", got[want.Name], want)
		}
	}
	// With eligible leader replicas it can be changed, and not be taken away.
	err = c.AlterConfiguration(t.Context(), brokers.ClusterWide, map[string]*string{"min.insync.replicas": nil})
	if orrery.ErrorCode(err) != orrery.Invalid {
		t.Errorf("taking min.insync.replicas away: %v", err)
	}
	for name, value := range map[string]string{"num.io.threads": "many", "num.network.threads": "300", "log.cleanup.policy": "none"} {
		err := c.AlterConfiguration(t.Context(), 1, map[string]*string{name: &value})
		if orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

// noController takes the majority of the controllers away. Whoever looks sees that, and what the brokers know.
func (a apache) noController(t *testing.T) {
	c := a.Open(t, nil)
	_, err := c.View(t.Context())
	must(t, err)
	a.Kill(t, 1)
	a.Kill(t, 2)
	poll.Success(t, func() error {
		view, err := c.View(t.Context())
		if err == nil && (view.Quorum.Leader != -1 || view.Controller != -1 || view.Reassigning != -1 || view.Partitions == 0) {
			err = fmt.Errorf("the view is %+v", view)
		}
		return err
	})
	failures := make(chan error)
	calls := map[string]func() error{
		"RemoveVoter":     func() error { return c.RemoveVoter(t.Context(), 2, "AAAAAAAAAAAAAAAAAAAAAQ") },
		"AddVoter":        func() error { return c.AddVoter(t.Context(), 2, "AAAAAAAAAAAAAAAAAAAAAQ") },
		"Unregister":      func() error { return c.Unregister(t.Context(), 2) },
		"Reassign":        func() error { return c.Reassign(t.Context(), nil, 1<<20) },
		"EndReassignment": func() error { _, err := c.EndReassignment(t.Context()); return err },
		"AlterConfiguration": func() error {
			return c.AlterConfiguration(t.Context(), brokers.ClusterWide, map[string]*string{"log.cleaner.backoff.ms": kmsg.StringPtr("14000")})
		},
	}
	for name, call := range calls {
		go func() {
			err := call()
			if err == nil {
				failures <- fmt.Errorf("%s without a controller succeeded", name)
				return
			}
			failures <- nil
		}()
	}
	for range calls {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}

// noThrottleIsLeft sees that no topic and no broker keeps the settings of a throttle.
func (a apache) noThrottleIsLeft(t *testing.T) {
	admin := a.Admin(t)
	topics, err := admin.ListTopics(t.Context())
	must(t, err)
	configs, err := admin.DescribeTopicConfigs(t.Context(), topics.Names()...)
	must(t, err)
	for _, topic := range configs {
		for _, c := range topic.Configs {
			if strings.Contains(c.Key, "throttled") && c.MaybeValue() != "" {
				t.Errorf("%s has %s=%s", topic.Name, c.Key, c.MaybeValue())
			}
		}
	}
	settings, err := a.Open(t, nil).Configuration(t.Context(), brokers.ClusterWide)
	must(t, err)
	if slices.ContainsFunc(settings, func(s brokers.Setting) bool { return strings.Contains(s.Name, "throttled") }) {
		t.Errorf("all brokers have %+v", settings)
	}
}

// The principals of gateways, who may do nothing until they are allowed to.
var (
	tenants  = kafkatest.User{Name: "tenants", Password: "tenants-secret"}
	gateways = kafkatest.User{Name: "gateways", Password: "gateways-secret"}
)

// principals sees that brokers that authorize let the gateways' principals do what they are to do, and no more.
func (a apache) principals(t *testing.T) {
	c, err := kafka.Open("pkc-1", brokers.Access{Seeds: a.Addresses(""), Tenants: "User:" + tenants.Name, Gateways: "User:" + gateways.Name}, nil, nil)
	must(t, err)
	t.Cleanup(c.Close)
	write := func(user, topic string) error {
		return a.Client(t, user, kgo.RecordPartitioner(kgo.ManualPartitioner())).ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("x"), Value: []byte("x")}).FirstErr()
	}
	for range 2 {
		must(t, c.PrepareStateTopics(t.Context()))
	}
	must(t, write("", brokers.TopicGateways))
	poll.Success(t, func() error { return write(gateways.Name, brokers.TopicGateways) })
	for user, topic := range map[string]string{tenants.Name: brokers.TopicGateways, gateways.Name: brokers.TopicTenants} {
		if err := write(user, topic); !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("%s writes to %s: %v", user, topic, err)
		}
	}
}

// TestUpgradeAndFinalize starts with the previous version, whose features an upgrade leaves as they are until they are
// finalised.
func TestUpgradeAndFinalize(t *testing.T) {
	count := 1
	if os.Getenv("ORRERY_SOAK") != "" {
		count = 3 // while some are upgraded and others not, all support what the old ones do
	}
	a := startApache(t, kafkatest.Options{Brokers: count, Version: engine.PreviousVersion, Users: []kafkatest.User{tenants, gateways}})
	t.Run("Principals", a.principals)
	c := a.Open(t, nil)
	of := func() brokers.Feature {
		features, err := c.Features(t.Context())
		must(t, err)
		i := slices.IndexFunc(features, func(f brokers.Feature) bool { return f.Name == "metadata.version" })
		if i < 0 {
			t.Fatalf("the features are %+v", features)
		}
		return features[i]
	}
	before := of()
	if before.Finalized != before.Max {
		t.Fatalf("at the start %+v", before)
	}
	for i, b := range a.Brokers {
		must(t, b.Upgrade(engine.DefaultVersion))
		poll.Until(t, "all brokers", func() bool {
			view, err := c.View(t.Context())
			return err == nil && len(view.Brokers) == count && view.Quorum.Leader >= 0 && view.UnderReplicatedPartitions == 0
		})
		if now := of(); now.Finalized != before.Finalized || i < count-1 && now.Max != before.Max {
			t.Errorf("after %d upgrades of %d: %+v; before %+v", i+1, count, now, before)
		}
	}
	after := of()
	if after.Max <= before.Max {
		t.Fatalf("all are upgraded, and support %+v; before %+v", after, before)
	}
	features, err := c.Features(t.Context())
	must(t, err)
	levels := map[string]int16{}
	for _, f := range features {
		levels[f.Name] = f.Max
	}
	for range 2 {
		must(t, c.FinalizeFeatures(t.Context(), levels))
		poll.Until(t, "what is finalised", func() bool { return of().Finalized == after.Max })
	}
	if err := c.FinalizeFeatures(t.Context(), map[string]int16{"metadata.version": before.Max}); orrery.ErrorCode(err) != orrery.Invalid {
		t.Errorf("going back after that: %v", err)
	}
}

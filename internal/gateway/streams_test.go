package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const streamsEmbedded = "the embedded engine has no streams groups"

// joinStreams is the first heartbeat of a member of an application that counts the words of a topic: a subtopology
// repartitions them, and the next one counts, with a state store.
func joinStreams(group, member string) *kmsg.StreamsGroupHeartbeatRequest {
	compact := []kmsg.TopicInfoConfig{{Key: "cleanup.policy", Value: "compact"}}
	r := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	r.Group, r.MemberID, r.RebalanceTimeoutMillis, r.ProcessID = group, member, 30_000, kmsg.StringPtr("process")
	r.ActiveTasks, r.StandbyTasks, r.WarmupTasks, r.ClientTags = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.StreamsGroupHeartbeatRequestClientTag{}
	r.Topology = &kmsg.StreamsGroupHeartbeatRequestTopology{Subtopologies: []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{
		{SubtopologyID: "0", SourceTopics: []string{"words"}, RepartitionSinkTopics: []string{"app-repartition"}},
		{
			SubtopologyID: "1", RepartitionSourceTopics: []kmsg.TopicInfo{{Topic: "app-repartition"}},
			StateChangelogTopics: []kmsg.TopicInfo{{Topic: "app-changelog", Configs: compact}},
		},
	}}
	return r
}

func heartbeat(t testing.TB, r *resident, request *kmsg.StreamsGroupHeartbeatRequest) *kmsg.StreamsGroupHeartbeatResponse {
	t.Helper()
	client := r.client()
	defer client.Close()
	response, err := request.RequestWith(testContext(t), client.Broker(0))
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// beat sends a heartbeat and fails unless its error is the wanted one.
func beat(t testing.TB, r *resident, request *kmsg.StreamsGroupHeartbeatRequest, want *kerr.Error) *kmsg.StreamsGroupHeartbeatResponse {
	t.Helper()
	response := heartbeat(t, r, request)
	if got := kerr.TypedErrorForCode(response.ErrorCode); got != want {
		why := ""
		if response.ErrorMessage != nil {
			why = *response.ErrorMessage
		}
		t.Fatalf("%s: %v (%s), want %v", r.tenant.LogicalClusterID, got, why, want)
	}
	return response
}

// untilAssigned joins until the member has tasks, and returns the answers on the way.
func untilAssigned(t *testing.T, r *resident, request *kmsg.StreamsGroupHeartbeatRequest) (answers []*kmsg.StreamsGroupHeartbeatResponse) {
	t.Helper()
	eventually(t, func() string {
		response := beat(t, r, request, nil)
		answers = append(answers, response)
		if len(response.ActiveTasks) == 0 {
			return fmt.Sprintf("no tasks are assigned: %+v", response.Status)
		}
		request.MemberEpoch, request.EndpointInformationEpoch = response.MemberEpoch, -1
		request.Topology, request.ActiveTasks = nil, response.ActiveTasks
		return ""
	})
	return answers
}

// Two tenants have the same application at once. Its internal topics are theirs alone, as their cluster has topics.
func TestStreamsGroups(t *testing.T) {
	gatewaytest.ApacheOnly(t, streamsEmbedded)
	c := gatewaytest.Start(t, gatewaytest.Options{})
	together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
		r.createTopic("words", 3)
		request := joinStreams("app", "member")
		tasks := map[string]int{}
		for _, a := range untilAssigned(t, r, request) {
			for _, status := range a.Status {
				if strings.Contains(status.StatusDetail, "failed") || strings.Contains(status.StatusDetail, "Unauthorized") {
					t.Errorf("the status is %+v", status)
				}
			}
			for _, task := range a.ActiveTasks {
				tasks[task.SubtopologyID] = len(task.Partitions)
			}
		}
		if tasks["0"] != 3 || tasks["1"] != 3 {
			t.Errorf("the member's tasks are %v, want 3 of each subtopology", tasks)
		}
		topics, err := r.admin().ListTopics(testContext(t))
		if err != nil || !slices.Equal(topics.Names(), []string{"app-changelog", "app-repartition", "words"}) {
			t.Fatalf("the topics are %v (%v)", topics.Names(), err)
		}
		for _, topic := range topics {
			if len(topic.Partitions) != 3 || topic.Partitions.NumReplicas() != r.tenant.ReplicationFactor {
				t.Errorf("%s has %d partitions and %d replicas", topic.Topic, len(topic.Partitions), topic.Partitions.NumReplicas())
			}
		}
		configs, err := r.admin().DescribeTopicConfigs(testContext(t), "app-changelog")
		if err != nil || !slices.ContainsFunc(configs[0].Configs, func(c kadm.Config) bool { return c.Key == "cleanup.policy" && c.MaybeValue() == "compact" }) {
			t.Errorf("the changelog's configurations are %+v (%v)", configs, err)
		}
		// Earlier, without its source, Apache Kafka 4.3.1 would fail at it.
		request.UserEndpoint = &kmsg.StreamsGroupHeartbeatRequestUserEndpoint{Host: "here.example", Port: 8080}
		beat(t, r, request, nil)
		describeStreams(t, r)
		endpoints := map[string][]int32{}
		eventually(t, func() string {
			for _, e := range beat(t, r, request, nil).PartitionsByUserEndpoint {
				for _, p := range e.ActivePartitions {
					endpoints[e.UserEndpoint.Host+" "+p.Topic] = p.Partitions
				}
			}
			return map[bool]string{false: "nothing is said about endpoints"}[len(endpoints) > 0]
		})
		if len(endpoints["here.example words"]) != 3 || len(endpoints["here.example app-repartition"]) != 3 {
			t.Errorf("the endpoints have %v", endpoints)
		}
		request.MemberEpoch = -1
		beat(t, r, request, nil)
	})
}

// A tenant gives its own application standby replicas, which the group alone decides (KIP-1071), and is told where they
// are by its own names.
func TestStreamsStandbyReplicas(t *testing.T) {
	gatewaytest.ApacheOnly(t, streamsEmbedded)
	c := gatewaytest.Start(t, gatewaytest.Options{})
	together(t, residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb"), func(t *testing.T, r *resident) {
		r.createTopic("words", 2)
		set, one := kmsg.NewPtrIncrementalAlterConfigsRequest(), "1"
		set.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
			ResourceType: kmsg.ConfigResourceTypeGroupConfig, ResourceName: "app",
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "streams.num.standby.replicas", Value: &one}},
		}}
		response, err := set.RequestWith(testContext(t), r.client())
		if err != nil || response.Resources[0].ErrorCode != 0 {
			t.Fatalf("%+v, %v", response, err)
		}
		members := []*streamsMember{newStreamsMember("app", "words", "one"), newStreamsMember("app", "words", "other")}
		replicas := map[string]map[int32]bool{}
		eventually(t, func() string {
			for _, member := range members {
				for _, p := range member.heard(heartbeat(t, r, member.next)) {
					for _, n := range p.Partitions {
						if replicas[p.Topic] == nil {
							replicas[p.Topic] = map[int32]bool{}
						}
						replicas[p.Topic][n] = true
					}
				}
			}
			if len(replicas["app-repartition"]) < 2 {
				return fmt.Sprintf("the standby replicas are %v, want both partitions of app-repartition", replicas)
			}
			return ""
		})
		if len(replicas) != 1 {
			t.Errorf("the standby replicas are %v", replicas)
		}
	})
}

// streamsMember is a member of a streams group that does what it is told, and joins again whenever it is refused.
type streamsMember struct {
	group, source, name string
	next                *kmsg.StreamsGroupHeartbeatRequest
}

// newStreamsMember is one before its first heartbeat. It is a process of its own, so that it may have the standby
// replicas of other members' tasks.
func newStreamsMember(group, source, name string) *streamsMember {
	m := &streamsMember{group: group, source: source, name: name}
	m.join()
	return m
}

func (m *streamsMember) join() {
	m.next = joinStreams(m.group, m.name+"-of-"+m.group)
	m.next.ProcessID, m.next.Topology.Subtopologies[0].SourceTopics = &m.name, []string{m.source}
	m.next.UserEndpoint = &kmsg.StreamsGroupHeartbeatRequestUserEndpoint{Host: m.name, Port: 1}
}

// heard makes the next heartbeat of the answer to the last one, and returns which partitions have standby replicas.
func (m *streamsMember) heard(answer *kmsg.StreamsGroupHeartbeatResponse) (standby []kmsg.StreamsGroupHeartbeatResponsePartitionsByUserEndpointStandbyPartition) {
	if answer.ErrorCode != 0 { // topics are missing, or it was fenced
		m.join()
		return nil
	}
	m.next.MemberEpoch, m.next.EndpointInformationEpoch, m.next.Topology = answer.MemberEpoch, -1, nil
	if answer.ActiveTasks != nil {
		m.next.ActiveTasks, m.next.StandbyTasks = answer.ActiveTasks, answer.StandbyTasks
	}
	for _, e := range answer.PartitionsByUserEndpoint {
		standby = append(standby, e.StandbyPartitions...)
	}
	return standby
}

func describeStreams(t *testing.T, r *resident) {
	t.Helper()
	describe := kmsg.NewPtrStreamsGroupDescribeRequest()
	describe.Groups, describe.IncludeAuthorizedOperations = []string{"app", "none"}, true
	response, err := describe.RequestWith(testContext(t), r.client().Broker(0))
	if err != nil || len(response.Groups) != 2 || response.Groups[0].Group != "app" || response.Groups[0].ErrorCode != 0 || response.Groups[1].ErrorCode != kerr.GroupIDNotFound.Code {
		t.Fatalf("%+v, %v", response, err)
	}
	g := response.Groups[0]
	if len(g.Members) != 1 || g.Members[0].ClientHost != "/127.0.0.1" || g.Members[0].MemberID != "member" || g.Members[0].UserEndpoint.Host != "here.example" {
		t.Errorf("the members are %+v", g.Members)
	}
	if g.AuthorizedOperations == -2147483648 {
		t.Error("the authorized operations are missing")
	}
	first, second := g.Topology.Subtopologies[0], g.Topology.Subtopologies[1]
	if !slices.Equal(first.SourceTopics, []string{"words"}) || !slices.Equal(first.RepartitionSinkTopics, []string{"app-repartition"}) {
		t.Errorf("the first subtopology is %+v", first)
	}
	for name, infos := range map[string][]kmsg.TopicInfo{"app-repartition": second.RepartitionSourceTopics, "app-changelog": second.StateChangelogTopics} {
		if len(infos) != 1 || infos[0].Topic != name || int(infos[0].ReplicationFactor) != r.tenant.ReplicationFactor {
			t.Errorf("the topics are %+v, want %s", infos, name)
		}
	}
}

// What a topology may not have is refused with the reason, before the broker sees it.
func TestStreamsTopologiesAreChecked(t *testing.T) {
	gatewaytest.ApacheOnly(t, streamsEmbedded)
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.createTopic("words", 1)
	limited := r.tenant
	limited.MaxPartitions = 4
	c.Put(tenancy.StateTenant, "lkc-aaaaaa", limited)
	for name, test := range map[string]struct {
		spoil func(*kmsg.StreamsGroupHeartbeatRequestTopology)
		want  *kerr.Error
		says  string
	}{
		"a name": {func(p *kmsg.StreamsGroupHeartbeatRequestTopology) { p.Subtopologies[0].SourceTopics = []string{"a b"} },
			kerr.StreamsInvalidTopology, "topic name"},
		"a platform's configuration": {func(p *kmsg.StreamsGroupHeartbeatRequestTopology) {
			p.Subtopologies[1].StateChangelogTopics[0].Configs = []kmsg.TopicInfoConfig{{Key: "unclean.leader.election.enable", Value: "true"}}
		}, kerr.StreamsInvalidTopology, "set by the service"},
		"a configuration out of bounds": {func(p *kmsg.StreamsGroupHeartbeatRequestTopology) {
			p.Subtopologies[1].RepartitionSourceTopics[0].Configs = []kmsg.TopicInfoConfig{{Key: "segment.bytes", Value: "1"}}
		}, kerr.StreamsInvalidTopology, "segment.bytes"},
		"an expression": {func(p *kmsg.StreamsGroupHeartbeatRequestTopology) {
			p.Subtopologies[0].SourceTopicRegex = []string{"("}
		},
			kerr.InvalidRegularExpression, ""},
		"many expressions": {func(p *kmsg.StreamsGroupHeartbeatRequestTopology) {
			p.Subtopologies[0].SourceTopicRegex = slices.Repeat([]string{"w.*"}, 65)
		}, kerr.StreamsInvalidTopology, "64"},
		"many internal topics": {func(p *kmsg.StreamsGroupHeartbeatRequestTopology) {
			for i := range 5 {
				p.Subtopologies[1].StateChangelogTopics = append(p.Subtopologies[1].StateChangelogTopics, kmsg.TopicInfo{Topic: fmt.Sprint("store-", i)})
			}
		}, kerr.StreamsInvalidTopology, "4 partitions"},
	} {
		t.Run(name, func(t *testing.T) {
			request := joinStreams("app", "member")
			test.spoil(request.Topology)
			if why := beat(t, r, request, test.want).ErrorMessage; why == nil || !strings.Contains(*why, test.says) {
				t.Errorf("it says %v, want %q", why, test.says)
			}
		})
	}
}

// Nobody gets more than the limit, not even where the source comes after the topology was admitted.
func TestStreamsInternalTopicsHaveLimits(t *testing.T) {
	gatewaytest.ApacheOnly(t, streamsEmbedded)
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	request := joinStreams("app", "member")
	beat(t, r.nobody(), request, kerr.GroupAuthorizationFailed)
	response := beat(t, r, request, nil)
	missing := func(s kmsg.StreamsGroupHeartbeatResponseStatus) bool {
		return s.StatusCode == 1 && s.StatusDetail == "Source topics words are missing."
	}
	if status := response.Status; !slices.ContainsFunc(status, missing) {
		t.Errorf("without the source the status is %+v", status)
	}
	limited := r.tenant
	limited.MaxPartitions = 8
	c.Put(tenancy.StateTenant, "lkc-aaaaaa", limited)
	r.createTopic("words", 3)
	again := *request
	again.Topology, again.MemberEpoch = nil, response.MemberEpoch
	eventually(t, func() string { // without the topology nobody knows what to create
		if response := heartbeat(t, r, &again); response.ErrorCode != kerr.FencedMemberEpoch.Code || response.ErrorMessage == nil {
			return fmt.Sprintf("error %d, status %+v", response.ErrorCode, response.Status)
		}
		return ""
	})
	eventually(t, func() string {
		status := beat(t, r, request, nil).Status
		for _, s := range status {
			if strings.Contains(s.StatusDetail, "may have 8 partitions") {
				return ""
			}
		}
		return fmt.Sprintf("the status is %+v", status)
	})
	topics, err := c.Kafka.Admin(t).ListTopics(testContext(t))
	if err != nil || topics.Has("lkc-aaaaaa_app-changelog") || topics.Has("lkc-aaaaaa_app-repartition") {
		t.Fatalf("beyond the limit there are %v (%v)", topics.Names(), err)
	}
	c.Put(tenancy.StateTenant, "lkc-aaaaaa", r.tenant)
	untilAssigned(t, r, request)
}

// The gateway gives internal topics the numbers of partitions that the broker wants, or it would not go on.
func TestStreamsInternalTopicsArePartitioned(t *testing.T) {
	gatewaytest.ApacheOnly(t, streamsEmbedded)
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	for name, partitions := range map[string]int32{"two": 2, "three": 3, "five": 5} {
		r.createTopic(name, partitions)
	}
	type subtopology = kmsg.StreamsGroupHeartbeatRequestTopologySubtopology
	type joined = kmsg.StreamsGroupHeartbeatRequestTopologySubtopologyCopartitionGroup
	info := func(name string, partitions int32) []kmsg.TopicInfo {
		return []kmsg.TopicInfo{{Topic: name, NumPartitions: partitions}}
	}
	for name, test := range map[string]struct {
		subtopologies []subtopology
		want          map[string]int
	}{
		"merged": {[]subtopology{
			{SourceTopics: []string{"two", "five"}, StateChangelogTopics: info("merged-store", 0), RepartitionSinkTopics: []string{"merged-next"}},
			{RepartitionSourceTopics: info("merged-next", 0), RepartitionSinkTopics: []string{"merged-last"}},
			{RepartitionSourceTopics: info("merged-last", 0), StateChangelogTopics: info("merged-count", 0)},
		}, map[string]int{"merged-store": 5, "merged-next": 5, "merged-last": 5, "merged-count": 5}},
		"numbered": {[]subtopology{
			{SourceTopics: []string{"two"}, RepartitionSinkTopics: []string{"numbered-next"}},
			{RepartitionSourceTopics: info("numbered-next", 4), StateChangelogTopics: info("numbered-count", 0)},
		}, map[string]int{"numbered-next": 4, "numbered-count": 4}},
		"joined with a source": {[]subtopology{
			{SourceTopics: []string{"five"}, RepartitionSinkTopics: []string{"source-next"}},
			{SourceTopics: []string{"three"}, RepartitionSourceTopics: info("source-next", 0), StateChangelogTopics: info("source-store", 0),
				CopartitionGroups: []joined{{SourceTopics: []int16{0}, RepartitionSourceTopics: []int16{0}}}},
		}, map[string]int{"source-next": 3, "source-store": 3}},
		"joined with each other": {[]subtopology{
			{SourceTopics: []string{"two"}, RepartitionSinkTopics: []string{"left"}},
			{SourceTopics: []string{"five"}, RepartitionSinkTopics: []string{"right"}},
			{RepartitionSourceTopics: append(info("left", 0), info("right", 0)...), StateChangelogTopics: info("both-store", 0),
				CopartitionGroups: []joined{{RepartitionSourceTopics: []int16{0, 1}}}},
		}, map[string]int{"left": 5, "right": 5, "both-store": 5}},
	} {
		t.Run(name, func(t *testing.T) {
			request := joinStreams(name, "member")
			request.Topology.Subtopologies = test.subtopologies
			for i := range request.Topology.Subtopologies {
				request.Topology.Subtopologies[i].SubtopologyID = fmt.Sprint(i)
			}
			untilAssigned(t, r, request)
			topics, err := r.admin().ListTopics(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			for topic, want := range test.want {
				if got := len(topics[topic].Partitions); got != want {
					t.Errorf("%s has %d partitions, want %d", topic, got, want)
				}
			}
		})
	}
}

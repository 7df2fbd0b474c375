package gateway_test

import (
	"fmt"
	"math"
	"math/rand"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// behave does in order what random requests seldom do: it joins groups to the end and has transactions, so that there
// is something to tell about them. The seed decides the versions.
func (w *world) behave(who *intruder, seed int64, all []keyVersion) {
	b := behaved{w: w, who: who, random: rand.New(rand.NewSource(seed)), versions: map[int16][]int16{}, line: w.dial(who)}
	defer b.line.conn.Close()
	for _, kv := range all {
		b.versions[kv.key] = append(b.versions[kv.key], kv.version)
	}
	b.join(fmt.Sprintf("workers-%d", seed))
	b.transact(fmt.Sprintf("tx-of-%d", seed))
	b.subscribe(fmt.Sprintf("next-%d", seed))
	b.share(fmt.Sprintf("share-%d", seed))
	b.stream(fmt.Sprintf("stream-%d", seed))
	b.configure()
	b.compact(fmt.Sprintf("compacted-%d", seed))
}

type behaved struct {
	w        *world
	who      *intruder
	random   *rand.Rand
	versions map[int16][]int16
	line     *line
	lost     bool
}

// ask sends a request in some version of at least the given one. Once the connection was lost it answers nothing.
func (b *behaved) ask(request kmsg.Request, least int16) kmsg.Response {
	return b.askUpTo(request, least, math.MaxInt16)
}

func (b *behaved) askUpTo(request kmsg.Request, least, most int16) kmsg.Response {
	var versions []int16
	for _, v := range b.versions[request.Key()] {
		if v >= least && v <= most {
			versions = append(versions, v)
		}
	}
	empty := request.ResponseKind()
	if b.lost || len(versions) == 0 {
		return empty
	}
	request.SetVersion(pick(b.random, versions...))
	response, frame, err := b.line.exchange(request, patient)
	if frame != nil {
		b.w.warden.checkAnswer(b.who.party, request, request.AppendTo(nil), frame)
	}
	if b.lost = err != nil; b.lost {
		return empty
	}
	return response
}

func (b *behaved) join(group string) {
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = group, tenancy.ConsumerProtocol, 6000, 6000
	blob := kmsg.NewConsumerMemberMetadata()
	blob.Topics = []string{"orders"}
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: blob.AppendTo(nil)}}
	joined := b.ask(join, 0).(*kmsg.JoinGroupResponse)
	if joined.ErrorCode != 0 { // MEMBER_ID_REQUIRED
		join.MemberID = joined.MemberID
		joined = b.ask(join, 4).(*kmsg.JoinGroupResponse)
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	protocolType, protocol := tenancy.ConsumerProtocol, "range"
	sync.Group, sync.MemberID, sync.Generation, sync.ProtocolType, sync.Protocol = group, joined.MemberID, joined.Generation, &protocolType, &protocol
	assigned := kmsg.NewConsumerMemberAssignment()
	assigned.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: "orders", Partitions: []int32{0}}}
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: joined.MemberID, MemberAssignment: assigned.AppendTo(nil)}}
	b.ask(sync, 0)
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{group}
	b.ask(describe, 0)
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.MemberID = group, joined.MemberID
	leave.Members = []kmsg.LeaveGroupRequestMember{{MemberID: joined.MemberID}}
	b.ask(leave, 0)
}

func (b *behaved) transact(id string) {
	begin := kmsg.NewPtrInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis, begin.ProducerID, begin.ProducerEpoch = &id, 60_000, -1, -1
	begun := b.ask(begin, 0).(*kmsg.InitProducerIDResponse)
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = id, begun.ProducerID, begun.ProducerEpoch
	add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
	b.ask(add, 0)
	describe := kmsg.NewPtrDescribeTransactionsRequest()
	describe.TransactionalIDs = []string{id}
	b.ask(describe, 0)
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch = id, begun.ProducerID, begun.ProducerEpoch
	b.ask(end, 0)
}

func (b *behaved) subscribe(group string) {
	pattern := pick(b.random, "orders", "orders.*", "^orders$")
	beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	beat.Group, beat.MemberID, beat.RebalanceTimeoutMillis = group, "member-of-"+group, 6000
	beat.SubscribedTopicRegex, beat.SubscribedTopicNames, beat.Topics = &pattern, []string{}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	b.ask(beat, 1)
	describe := kmsg.NewPtrConsumerGroupDescribeRequest()
	describe.Groups = []string{group}
	b.ask(describe, 0)
	beat.MemberEpoch = -1
	b.ask(beat, 1)
}

func (b *behaved) share(group string) {
	b.w.recreate(b.who) // else nothing can be assigned
	member, id := "member-of-"+group, b.who.loot.topicIDs[0]
	for _, t := range b.ask(namingOrders(), 10).(*kmsg.MetadataResponse).Topics {
		id = t.TopicID
	}
	beat := kmsg.NewPtrShareGroupHeartbeatRequest()
	beat.GroupID, beat.MemberID, beat.SubscribedTopicNames = group, member, []string{"orders"}
	b.beatUntilAssigned(beat)
	fetch := kmsg.NewPtrShareFetchRequest()
	fetch.GroupID, fetch.MemberID, fetch.MaxWaitMillis, fetch.MaxBytes, fetch.MaxRecords, fetch.BatchSize = &group, &member, 1, 1<<20, 10, 10
	fetch.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: id, Partitions: []kmsg.ShareFetchRequestTopicPartition{{}}}}
	b.ask(fetch, 0) // what comes from now on is the group's
	b.produce(id)
	stolen := b.who.loot.stolenTopicIDs
	if b.random.Intn(2) == 0 {
		stolen = nil // a session that others' topics were asked of may have to be opened again before anything is acknowledged
	}
	for _, id := range stolen {
		fetch.Topics = append(fetch.Topics, kmsg.ShareFetchRequestTopic{TopicID: id, Partitions: []kmsg.ShareFetchRequestTopicPartition{{}}})
		fetch.ForgottenTopicsData = append(fetch.ForgottenTopicsData, kmsg.ShareFetchRequestForgottenTopicsData{TopicID: id, Partitions: []int32{0}})
	}
	fetch.ShareSessionEpoch, fetch.MinBytes, fetch.MaxWaitMillis = 1, 1, 500
	b.ask(fetch, 0)
	acknowledge := kmsg.NewPtrShareAcknowledgeRequest()
	acknowledge.GroupID, acknowledge.MemberID, acknowledge.ShareSessionEpoch = &group, &member, 2
	for _, id := range append([][16]byte{id}, b.who.loot.stolenTopicIDs...) {
		t := kmsg.NewShareAcknowledgeRequestTopic()
		t.TopicID, t.Partitions = id, []kmsg.ShareAcknowledgeRequestTopicPartition{{
			AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{{AcknowledgeTypes: []int8{1}}},
		}}
		acknowledge.Topics = append(acknowledge.Topics, t)
	}
	b.ask(acknowledge, 0)
	describe := kmsg.NewPtrShareGroupDescribeRequest()
	describe.GroupIDs = []string{group}
	b.ask(describe, 0)
	beat.MemberEpoch = -1
	b.ask(beat, 0)
	remove := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
	remove.GroupID, remove.Topics = group, []kmsg.DeleteShareGroupOffsetsRequestTopic{{Topic: "orders"}}
	b.ask(remove, 0)
}

// beatUntilAssigned keeps the member of a share group alive until it has partitions; Apache Kafka takes its time, and
// the embedded engine gives them at once.
func (b *behaved) beatUntilAssigned(beat *kmsg.ShareGroupHeartbeatRequest) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(b.w.assignmentTime())
	for first := true; first || time.Now().Before(deadline); first = false {
		beaten := b.ask(beat, 0).(*kmsg.ShareGroupHeartbeatResponse)
		if b.lost || beaten.ErrorCode != 0 || beaten.Assignment != nil && len(beaten.Assignment.TopicPartitions) > 0 {
			return
		}
		beat.MemberEpoch, beat.SubscribedTopicNames = beaten.MemberEpoch, nil
		<-tick.C
	}
}

// assignmentTime is how long a member waits for partitions or tasks. Apache Kafka assigns beside its other work, and on
// a busy machine late; without an assignment there is nothing to tell that a rule could be about.
func (w *world) assignmentTime() time.Duration {
	switch {
	case w.cluster.Kafka.Engine != kafkatest.Apache:
		return 0 // at once, or never
	case soak():
		return 5 * time.Second
	}
	return time.Second
}

// stream joins a streams group with two members, of which each has standby replicas of what the other works at, until
// all of it is told: every text and topic name of a group's answers is in some of them then.
func (b *behaved) stream(group string) {
	if len(b.versions[kmsg.StreamsGroupHeartbeat.Int16()]) == 0 {
		return // the engine has none
	}
	b.replicate(group)
	members := []*streamsMember{newStreamsMember(group, "orders", "one"), newStreamsMember(group, "orders", "other")}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(b.w.assignmentTime())
	for told := false; !told && !b.lost && time.Now().Before(deadline); <-tick.C {
		for _, member := range members {
			answer := b.ask(member.next, 0).(*kmsg.StreamsGroupHeartbeatResponse)
			told = len(member.heard(answer)) > 0 || told
		}
	}
	describe := kmsg.NewPtrStreamsGroupDescribeRequest()
	describe.Groups = []string{group}
	b.ask(describe, 0)
	for _, member := range members {
		member.next.MemberEpoch, member.next.Topology = -1, nil
		b.ask(member.next, 0)
	}
}

// replicate gives each task of a streams group a standby replica.
func (b *behaved) replicate(group string) {
	set, one := kmsg.NewPtrIncrementalAlterConfigsRequest(), "1"
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	resource.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "streams.num.standby.replicas", Value: &one}}
	set.Resources = append(set.Resources, resource)
	b.ask(set, 0)
}

// compact writes a record without a key to a compacted topic, which Apache Kafka refuses in words that name the topic.
func (b *behaved) compact(topic string) {
	create := kmsg.NewPtrCreateTopicsRequest()
	wanted, policy := kmsg.NewCreateTopicsRequestTopic(), "compact"
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = topic, 1, -1
	wanted.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "cleanup.policy", Value: &policy}}
	create.Topics = append(create.Topics, wanted)
	b.ask(create, 0)
	request, t, partition := kmsg.NewPtrProduceRequest(), kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	request.Acks, request.TimeoutMillis, t.Topic, partition.Records = -1, 1000, topic, batchOf(nil, -1, -1, 0)
	t.Partitions = append(t.Partitions, partition)
	request.Topics = append(request.Topics, t)
	b.askUpTo(request, 8, 12)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames, remove.Topics = []string{topic}, []kmsg.DeleteTopicsRequestTopic{{Topic: &topic}}
	b.ask(remove, 0)
}

func (b *behaved) produce(id [16]byte) {
	g := generator{random: b.random, loot: &loot{}}
	request, topic, partition := kmsg.NewPtrProduceRequest(), kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	request.Acks, request.TimeoutMillis = -1, 1000
	topic.Topic, topic.TopicID, partition.Records = "orders", id, g.batch(-1, -1, 0)
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	b.ask(request, 3)
}

func namingOrders() kmsg.Request {
	request, topic, name := kmsg.NewPtrMetadataRequest(), kmsg.NewMetadataRequestTopic(), "orders"
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	return request
}

func (b *behaved) configure() {
	set, value := kmsg.NewPtrIncrementalAlterConfigsRequest(), "7200000"
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, "orders"
	resource.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &value}}
	set.Resources = append(set.Resources, resource)
	b.ask(set, 0)
	describe := kmsg.NewPtrDescribeConfigsRequest()
	described := kmsg.NewDescribeConfigsRequestResource()
	described.ResourceType, described.ResourceName = kmsg.ConfigResourceTypeTopic, "orders"
	describe.IncludeSynonyms, describe.Resources = true, append(describe.Resources, described)
	b.ask(describe, 1)
}

package gateway_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// loot is what a hostile tenant draws from: what is its own, and what it guessed or stole.
type loot struct {
	topicIDs, stolenTopicIDs   [][16]byte
	producers, stolenProducers []int64
	members, stolenMembers     []string
	sessions, stolenSessions   []int32
	// names are other tenants' physical names, and those of the platform.
	names []string
	// clusterID is the tenant's own logical cluster, stolenClusterID another's.
	clusterID, stolenClusterID string
	user, password             string
}

// maxLearned bounds what a hostile tenant remembers of each kind.
const maxLearned = 64

func learn[T comparable](list *[]T, v T) {
	for _, known := range *list {
		if known == v {
			return
		}
	}
	if len(*list) >= maxLearned {
		*list = (*list)[1:]
	}
	*list = append(*list, v)
}

// generator makes valid requests of any key and version from a seed and a tenant's loot.
type generator struct {
	random *rand.Rand
	loot   *loot
}

// Names that a tenant uses; other tenants use the same.
var (
	ownTopics       = []string{"orders", "orders", "orders", "audit", "next.orders", "lkc-orders"}
	ownGroups       = []string{"workers", "workers", "parked", "readers", "connect-sink"}
	ownTransactions = []string{"tx", "tx", "tx-2"}
	oddNames        = []string{"", ".", "..", "a b", "ordérs", "订单", "orders\x00", "\xff\xfe", "*", "_", "__consumer_offsets", "__transaction_state",
		strings.Repeat("x", 238), strings.Repeat("x", 250), strings.Repeat("y", 1025), strings.Repeat("z", 32_700)}
	patterns = []string{".*", "orders", "^orders$", "(^orders.*)", "a|.*", "orders|.*", "(?:", `\Qorders\E.*`, "^(?:.*)$", ")|.*|(", "(?i)ORDERS", `lkc-.*`, `[^_]*_orders`, "(?s).{0,30}"}
)

// request makes one. What it holds is likely to be accepted, at least halfway.
func (g *generator) request(key, version int16) kmsg.Request {
	request := kmsg.RequestForKey(key)
	v := reflect.ValueOf(request).Elem()
	g.fill(v, v.Type().Name(), "")
	request.SetVersion(version)
	g.steer(request)
	return request
}

func (g *generator) one(in int) bool { return g.random.Intn(in) == 0 }

func (g *generator) fill(v reflect.Value, path, name string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			of := v.Type().Field(i)
			switch {
			case of.Type == reflect.TypeFor[kmsg.Tags]():
				if g.one(100) { // what only a newer broker than kmsg would understand
					v.Field(i).Addr().Interface().(*kmsg.Tags).Set(uint32(64+g.random.Intn(64)), []byte(g.text(gateway.IsolationRule{Of: "topic"}, "")))
				}
			case of.Name != "Version":
				g.fill(v.Field(i), path+"."+of.Name, of.Name)
			}
		}
	case reflect.Pointer:
		v.SetZero()
		if !g.one(4) {
			v.Set(reflect.New(v.Type().Elem()))
			g.fill(v.Elem(), path, name)
		}
	case reflect.Slice:
		g.fillSlice(v, path, name)
	case reflect.Array:
		g.fillID(v)
	case reflect.String:
		v.SetString(g.text(gateway.IsolationRules[path], name))
	case reflect.Bool:
		v.SetBool(g.one(2))
	default:
		g.fillNumber(v, name)
	}
}

func (g *generator) fillSlice(v reflect.Value, path, name string) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes(g.blob(path))
		return
	}
	v.SetZero()
	if g.one(8) {
		return
	}
	n := pick(g.random, 0, 1, 1, 1, 1, 2, 2, 3)
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		g.fill(v.Index(i), path, name)
	}
}

func (g *generator) fillID(v reflect.Value) {
	l := g.loot
	var id [16]byte
	switch n := g.random.Intn(10); {
	case n < 5 && len(l.topicIDs) > 0:
		id = pick(g.random, l.topicIDs...)
	case n < 8 && len(l.stolenTopicIDs) > 0:
		id = pick(g.random, l.stolenTopicIDs...)
	case n < 9:
		g.random.Read(id[:])
	}
	v.Set(reflect.ValueOf(id))
}

// text is what a field is likely to hold, and now and then something odd or stolen.
func (g *generator) text(rule gateway.IsolationRule, name string) string {
	if g.one(6) {
		return pick(g.random, append(oddNames, g.loot.names...)...)
	}
	switch {
	case rule.Of == "topic":
		return pick(g.random, ownTopics...)
	case rule.Of == "group":
		return pick(g.random, ownGroups...)
	case rule.Of == "transactional id":
		return pick(g.random, ownTransactions...)
	case rule.Of == "coordinator", rule.Of == "resource":
		return pick(g.random, "orders", "orders", "workers", "tx", "0")
	case rule.Of == "topic pattern", rule.Of == "transaction pattern":
		return pick(g.random, patterns...)
	case rule.Of == "null", name == "ClusterID":
		return pick(g.random, g.loot.clusterID, g.loot.clusterID, g.loot.stolenClusterID)
	case rule.Of == "configuration" && name == "Name", name == "ConfigNames":
		return pick(g.random, "cleanup.policy", "retention.ms", "max.message.bytes", "consumer.session.timeout.ms", "leader.replication.throttled.replicas", "log.dir", "flush.ms")
	case rule.Of == "configuration":
		return pick(g.random, "compact", "delete", "3600000", "1", "-1")
	case name == "MemberID":
		return g.member()
	case name == "ProtocolType":
		return pick(g.random, "consumer", "consumer", "connect")
	case strings.HasPrefix(name, "ClientSoftware"):
		return "isolation"
	}
	return pick(g.random, "", "range", "uniform", "simple", "Stable", "Ongoing", "a", "zone-1")
}

func (g *generator) member() string {
	all := append([]string{"", "", "someone"}, g.loot.members...)
	return pick(g.random, append(all, g.loot.stolenMembers...)...)
}

func (g *generator) blob(path string) []byte {
	topics := []string{pick(g.random, ownTopics...)}
	switch gateway.IsolationRules[path].Of {
	case "subscription":
		blob := kmsg.NewConsumerMemberMetadata()
		blob.Version, blob.Topics = int16(g.random.Intn(4)), topics
		blob.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{{Topic: topics[0], Partitions: []int32{0}}}
		return blob.AppendTo(nil)
	case "assignment":
		blob := kmsg.NewConsumerMemberAssignment()
		blob.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: topics[0], Partitions: []int32{0, 1}}}
		return blob.AppendTo(nil)
	}
	b := make([]byte, g.random.Intn(40))
	g.random.Read(b)
	return b
}

func (g *generator) producer() int64 {
	return pick(g.random, append(append([]int64{-1, 0, 7}, g.loot.producers...), g.loot.stolenProducers...)...)
}

func (g *generator) fillNumber(v reflect.Value, name string) {
	if !v.CanInt() {
		if v.CanUint() {
			v.SetUint(uint64(g.random.Intn(3)))
		}
		return
	}
	n := pick[int64](g.random, 0, 0, 0, 0, 1, 1, 2, -1, -2, 5, 100, math.MaxInt16, math.MaxInt32, math.MinInt32)
	switch {
	case strings.HasPrefix(name, "ProducerID"):
		n = g.producer()
	case name == "Partition" || name == "Partitions":
		n = pick[int64](g.random, 0, 0, 0, 1, 1, 2, -1, 1000)
	case name == "ResourceType" || name == "ResourceTypes" || name == "Type":
		n = pick[int64](g.random, 2, 2, 2, 32, 32, 4, 8, 16, 0)
	case name == "SessionID":
		n = int64(g.session())
	case strings.HasSuffix(name, "Millis"):
		n = pick[int64](g.random, 100, 1000, 6000, 30_000)
	case name == "Offset" || name == "FetchOffset" || name == "StartOffset":
		n = pick[int64](g.random, 0, 0, 0, 1, 5, 20, -1)
	case strings.HasSuffix(name, "Epoch") || name == "Generation":
		n = pick[int64](g.random, 0, 0, 0, -1, -1, 1, 2)
	}
	if v.OverflowInt(n) {
		n = 1
	}
	v.SetInt(n)
}

func (g *generator) session() int32 {
	return pick(g.random, append(append([]int32{0, 0, 0, 1, 2}, g.loot.sessions...), g.loot.stolenSessions...)...)
}

// steer makes a request pass the first checks more often, and wait for nothing.
func (g *generator) steer(request kmsg.Request) {
	switch r := request.(type) {
	case *kmsg.ProduceRequest:
		r.Acks = pick[int16](g.random, 1, 1, -1, -1, -1, -1, 0)
		if !g.one(3) {
			r.TransactionID = nil
		}
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].Records = g.records(r.TransactionID != nil)
			}
		}
	case *kmsg.FetchRequest:
		r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 1, pick[int32](g.random, 0, 1), 1<<20
		r.SessionEpoch = pick[int32](g.random, -1, -1, 0, 0, 1, 2)
		if !g.one(4) {
			r.ClusterID = nil
		}
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].PartitionMaxBytes, r.Topics[i].Partitions[j].CurrentLeaderEpoch = 1<<20, -1
			}
		}
	case *kmsg.ShareFetchRequest:
		r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.MaxRecords, r.BatchSize = 1, 0, 1<<20, 10, 10
	case *kmsg.FindCoordinatorRequest:
		r.CoordinatorType = pick[int8](g.random, 0, 0, 0, 1, 1, 2)
	case *kmsg.ApiVersionsRequest:
		if g.one(2) {
			r.ClusterID, r.NodeID = nil, -1
		}
	case *kmsg.SASLHandshakeRequest:
		r.Mechanism = pick(g.random, "PLAIN", "PLAIN", "PLAIN", "SCRAM-SHA-512")
	case *kmsg.SASLAuthenticateRequest:
		r.SASLAuthBytes = []byte("\x00" + g.loot.user + "\x00" + pick(g.random, g.loot.password, g.loot.password, "wrong"))
	case *kmsg.DescribeClusterRequest:
		r.EndpointType = pick[int8](g.random, 1, 1, 1, 2)
	case *kmsg.DescribeACLsRequest:
		g.steerFilter(&r.ResourceType, &r.ResourcePatternType, &r.Operation, &r.PermissionType)
	case *kmsg.DeleteACLsRequest:
		for i := range r.Filters {
			f := &r.Filters[i]
			g.steerFilter(&f.ResourceType, &f.ResourcePatternType, &f.Operation, &f.PermissionType)
		}
	case *kmsg.CreateACLsRequest:
		for i := range r.Creations {
			g.steerACL(&r.Creations[i])
		}
	case *kmsg.DescribeClientQuotasRequest:
		for i := range r.Components {
			c := &r.Components[i]
			c.EntityType, c.MatchType = []string{"user", "client-id", "ip"}[i%3], kmsg.QuotasMatchType(g.random.Intn(3))
			if c.MatchType != kmsg.QuotasMatchTypeExact {
				c.Match = nil
			}
		}
	case *kmsg.AlterClientQuotasRequest:
		for i := range r.Entries {
			g.steerQuota(&r.Entries[i])
		}
	default:
		g.steerGroups(request)
	}
}

// steerFilter makes a filter select all most often.
func (g *generator) steerFilter(t *kmsg.ACLResourceType, pattern *kmsg.ACLResourcePatternType, operation *kmsg.ACLOperation, permission *kmsg.ACLPermissionType) {
	*t, *pattern = pick(g.random, kmsg.ACLResourceTypeAny, kmsg.ACLResourceTypeAny, kmsg.ACLResourceTypeTopic), kmsg.ACLResourcePatternType(1+g.random.Intn(4))
	*operation, *permission = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
}

// steerACL makes an ACL that Kafka takes, and that takes nothing from who makes it.
func (g *generator) steerACL(c *kmsg.CreateACLsRequestCreation) {
	c.ResourceType = pick(g.random, kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeTransactionalId)
	c.ResourceName = pick(g.random, append(append([]string{"*"}, ownTopics...), g.loot.names...)...)
	c.ResourcePatternType = pick(g.random, kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed)
	c.Operation, c.PermissionType, c.Principal = kmsg.ACLOperation(2+g.random.Intn(11)), pick(g.random, kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeDeny), "User:sa-guest"
	if !g.one(4) {
		c.Host = "*"
	}
}

// steerQuota makes a client quota that Kafka takes, and that holds nobody back.
func (g *generator) steerQuota(e *kmsg.AlterClientQuotasRequestEntry) {
	for i := range e.Entity {
		e.Entity[i].Type = []string{"user", "client-id", "ip"}[i%3]
	}
	for i := range e.Ops {
		e.Ops[i].Key, e.Ops[i].Value = pick(g.random, "producer_byte_rate", "consumer_byte_rate", "request_percentage"), 1e12
	}
}

func (g *generator) steerGroups(request kmsg.Request) {
	switch r := request.(type) {
	case *kmsg.JoinGroupRequest:
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 6000, 100
		if !g.one(8) {
			r.ProtocolType = typeOfGroup(r.Group)
		}
		for i := range r.Protocols {
			r.Protocols[i].Name = []string{"range", "roundrobin", "sticky"}[i%3]
		}
		if g.one(2) {
			r.InstanceID = nil
		}
	case *kmsg.SyncGroupRequest:
		t := typeOfGroup(r.Group)
		if r.ProtocolType != nil && !g.one(8) {
			r.ProtocolType = &t
		}
	case *kmsg.ConsumerGroupHeartbeatRequest:
		r.Group = pick(g.random, r.Group, "next", "next")
		if !g.one(3) {
			r.MemberEpoch, r.Topics, r.ServerAssignor, r.RebalanceTimeoutMillis = 0, []kmsg.ConsumerGroupHeartbeatRequestTopic{}, nil, 6000
		}
		if !g.one(3) {
			r.SubscribedTopicRegex = nil
		}
	case *kmsg.ShareGroupHeartbeatRequest:
		r.GroupID = pick(g.random, r.GroupID, "share", "share")
		if !g.one(3) {
			r.MemberEpoch = 0
		}
	case *kmsg.CreateTopicsRequest:
		for i := range r.Topics {
			t := &r.Topics[i]
			t.NumPartitions, t.ReplicationFactor = pick[int32](g.random, -1, 1, 2, 3, 3, 1_000_000), pick[int16](g.random, -1, -1, 1, 3)
			if !g.one(6) {
				t.ReplicaAssignment = nil
			}
			if !g.one(4) {
				t.Configs = nil
			}
		}
	case *kmsg.CreatePartitionsRequest:
		for i := range r.Topics {
			r.Topics[i].Count = pick[int32](g.random, 1, 2, 4, 5, 6, 1_000_000)
			if !g.one(6) {
				r.Topics[i].Assignment = nil
			}
		}
	case *kmsg.InitProducerIDRequest:
		if r.TransactionTimeoutMillis = 60_000; g.one(2) {
			r.ProducerID, r.ProducerEpoch = -1, -1
		}
	case *kmsg.IncrementalAlterConfigsRequest:
		for i := range r.Resources {
			for j := range r.Resources[i].Configs {
				r.Resources[i].Configs[j].Op = pick(g.random, kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpDelete, kmsg.IncrementalAlterConfigOpAppend)
			}
		}
	}
}

func typeOfGroup(group string) string {
	if strings.HasPrefix(group, "connect") {
		return "connect"
	}
	return tenancy.ConsumerProtocol
}

// records makes a record batch with one record, of a producer that may be another tenant's.
func (g *generator) records(inTransaction bool) []byte {
	if g.one(12) {
		b := make([]byte, g.random.Intn(100))
		g.random.Read(b)
		return b
	}
	if inTransaction && !g.one(6) || g.one(6) {
		return g.batch(g.producer(), pick[int16](g.random, 0, 0, 1), pick[int16](g.random, 0, 0x10, 0x10, 0x10))
	}
	return g.batch(-1, -1, 0)
}

func (g *generator) batch(producer int64, epoch, attributes int16) []byte {
	return batchOf([]byte("k"), producer, epoch, attributes)
}

// batchOf makes a record batch with one record.
func batchOf(key []byte, producer int64, epoch, attributes int16) []byte {
	record := kmsg.Record{Key: key, Value: []byte("v")}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, NumRecords: 1, ProducerID: producer, ProducerEpoch: epoch, Attributes: attributes,
		FirstTimestamp: 1, MaxTimestamp: 1, Records: record.AppendTo(nil),
	}
	b := batch.AppendTo(nil)
	batch.Length = int32(len(b) - 12)
	b = batch.AppendTo(nil)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// learn keeps what an answer gave, to be used later.
func (l *loot) learn(response kmsg.Response) {
	switch r := response.(type) {
	case *kmsg.JoinGroupResponse:
		if r.MemberID != "" {
			learn(&l.members, r.MemberID)
		}
	case *kmsg.ConsumerGroupHeartbeatResponse:
		if r.MemberID != nil && *r.MemberID != "" {
			learn(&l.members, *r.MemberID)
		}
	case *kmsg.InitProducerIDResponse:
		if r.ErrorCode == 0 {
			learn(&l.producers, r.ProducerID)
		}
	case *kmsg.FetchResponse:
		if r.SessionID != 0 {
			learn(&l.sessions, r.SessionID)
		}
	case *kmsg.MetadataResponse:
		for _, t := range r.Topics {
			if t.ErrorCode == 0 && t.TopicID != ([16]byte{}) {
				learn(&l.topicIDs, t.TopicID)
			}
		}
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			if t.ErrorCode == 0 && t.TopicID != ([16]byte{}) {
				learn(&l.topicIDs, t.TopicID)
			}
		}
	}
}

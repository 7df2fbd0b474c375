package gateway_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// batch is a record batch with one record, of a producer where it has an id.
func batch(value string, producerID int64, transactional bool) []byte {
	record := kmsg.NewRecord()
	record.Value = []byte(value)
	body := record.AppendTo(nil)
	record.Length = int32(len(body) - 1)
	b := kmsg.NewRecordBatch()
	b.Magic, b.NumRecords, b.ProducerID, b.PartitionLeaderEpoch = 2, 1, producerID, -1
	b.ProducerEpoch, b.FirstSequence = -1, -1
	if producerID >= 0 {
		b.ProducerEpoch, b.FirstSequence = 0, 0
	}
	if transactional {
		b.Attributes = 0x10
	}
	b.Records = record.AppendTo(nil)
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func produceRequest(version, acks int16, topic string, records []byte) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = version, acks, 1000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = records
	t.Partitions = append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	return request
}

// frame is a request of which only the header is right.
func frame(size int, key, version int16) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(size))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	return append(b, 0, 0, 0, 1)
}

func TestWhatIsNotOfferedClosesTheConnection(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, Limits: gateway.Limits{ProduceBytes: 1 << 20}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	tests := []struct {
		name string
		anew bool // before authentication
		send []byte
	}{
		{"garbage", true, []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		{"negative size", true, frame(-5, 18, 0)},
		{"tiny size", true, frame(3, 18, 0)},
		{"64 KiB and more before authentication", true, frame(65<<10, 18, 0)},
		{"metadata before authentication", true, frame(20, 3, 0)},
		{"an API key that does not exist", false, frame(20, 1234, 0)},
		{"a negative API key", false, frame(20, -1, 0)},
		{"an API key of brokers, whose response has no error", false, frame(20, 27, 1)},
		{"an API key of administrators of the physical cluster, likewise", false, frame(20, 51, 0)},
		{"a version that does not exist", false, frame(20, 3, 99)},
		{"a negative version", false, frame(20, 3, -1)},
		{"a version from before 2017", false, frame(20, 0, 2)},
		{"a Produce request that is too large", false, frame(2<<20, 0, 9)},
		{"another request that is too large", false, frame(9<<20, 3, 9)},
		{"a header that is cut short", false, append(frame(10, 3, 9), 0x7f, 0xff)},
		{"a body that is cut short", false, append(frame(12, 3, 9), 0xff, 0xff, 0, 0xff)},
		{"four billion tags in the header", true, append(frame(15, 18, 3), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)},
		{"four billion tags in the body", true, append(frame(18, 18, 3), 0xff, 0xff, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := dialRaw(t, c)
			if !test.anew {
				r = authenticated(t, c, key)
			}
			r.write(test.send)
			r.expectClosed()
		})
	}
	log.expect(t, "closed a client's connection")
	producer := c.Client(key)
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	produceOne(t, producer, "orders", "still served")
}

func TestReasonsAreLogged(t *testing.T) {
	for want, send := range map[string][]byte{
		"the API key 1234 (Unknown) is not offered":        frame(20, 1234, 0),
		"Metadata version 99 is not offered, only 0 to 13": frame(20, 3, 99),
		"API key 3); at most 8388608 are allowed":          frame(9<<20, 3, 9),
		"what the client sent is not Kafka's protocol":     frame(3, 18, 0),
		"Metadata version 9 cannot be decoded":             append(frame(12, 3, 9), 0xff, 0xff, 0, 0xff),
	} {
		t.Run(want, func(t *testing.T) {
			log, logger := captureLog()
			c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
			r := authenticated(t, c, c.Admin(c.Tenant("lkc-aaaaaa")))
			r.write(send)
			r.expectClosed()
			log.expect(t, want)
		})
	}
}

func TestApiVersions(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := dialRaw(t, c)
	// A version that is not known is answered in version 0.
	r.write(append(frame(10, 18, 77), 0xff, 0xff))
	request := kmsg.NewPtrApiVersionsRequest()
	_, response := r.receive(request)
	if got := response.(*kmsg.ApiVersionsResponse); got.ErrorCode != kerr.UnsupportedVersion.Code || len(got.ApiKeys) != 1 || got.ApiKeys[0].MaxVersion != 5 {
		t.Errorf("version 77: %+v", got)
	}
	request.Version, request.ClientSoftwareName, request.ClientSoftwareVersion = 4, "test", "1"
	got := r.ask(request).(*kmsg.ApiVersionsResponse)
	offered := map[int16]kmsg.ApiVersionsResponseApiKey{}
	for _, k := range got.ApiKeys {
		offered[k.ApiKey] = k
	}
	for _, denied := range []int16{4, 5, 6, 7, 27, 34, 38, 43, 45, 46, 50, 51, 55, 57, 64, 83, 84, 85, 86, 87, 93, 94} {
		if _, ok := offered[denied]; ok {
			t.Errorf("%s is offered", kmsg.NameForKey(denied))
		}
	}
	if p := offered[0]; p.MinVersion != 0 || p.MaxVersion != 13 {
		t.Errorf("Produce is offered from %d to %d, want 0 to 13", p.MinVersion, p.MaxVersion)
	}
	known := engineVersions(t, c)[23]
	if p := offered[23]; p.MinVersion != max(known.MinVersion, 2) || p.MaxVersion != 4 {
		t.Errorf("OffsetForLeaderEpoch is offered from %d to %d; the engine knows %d to %d", p.MinVersion, p.MaxVersion, known.MinVersion, known.MaxVersion)
	}
	if len(got.FinalizedFeatures) == 0 {
		t.Error("no features")
	}
	request.ClientSoftwareName = "not a name"
	if code := r.ask(request).(*kmsg.ApiVersionsResponse).ErrorCode; code != kerr.InvalidRequest.Code {
		t.Errorf("a wrong software name: error %d", code)
	}
}

func TestApiVersionsNamesTheCluster(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2})
	r := authenticated(t, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	for _, test := range []struct {
		cluster string
		node    int32
		want    int16
	}{
		{"lkc-aaaaaa", 0, 0},
		{"lkc-aaaaaa", 1, kerr.RebootstrapRequired.Code},
		{"lkc-bbbbbb", 0, kerr.RebootstrapRequired.Code},
		{"lkc-aaaaaa", -1, kerr.InvalidRequest.Code},
	} {
		request := kmsg.NewPtrApiVersionsRequest()
		request.Version, request.ClientSoftwareName, request.ClientSoftwareVersion = 5, "test", "1"
		request.ClusterID, request.NodeID = &test.cluster, test.node
		if code := r.ask(request).(*kmsg.ApiVersionsResponse).ErrorCode; code != test.want {
			t.Errorf("cluster %s, node %d: error %d, want %d", test.cluster, test.node, code, test.want)
		}
	}
}

func TestPipelinedRequestsKeepTheirOrder(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{InFlight: 4}})
	r := authenticated(t, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	// Requests for the broker, requests that the gateway answers, and records without a response, all at once and
	// more than may be in flight.
	var requests []kmsg.Request
	for i := range 100 {
		versions := kmsg.NewPtrApiVersionsRequest()
		metadata := kmsg.NewPtrMetadataRequest()
		metadata.Version = 9
		requests = append(requests, versions, metadata,
			produceRequest(9, 0, "orders", batch(fmt.Sprint("unacknowledged ", i), -1, false)),
			produceRequest(9, -1, "orders", batch(fmt.Sprint("acknowledged ", i), -1, false)))
	}
	expected := make(chan kmsg.Request, len(requests))
	ids := make(chan int32, len(requests))
	go func() {
		defer close(expected)
		for _, request := range requests {
			produce, ok := request.(*kmsg.ProduceRequest)
			unanswered := ok && produce.Acks == 0
			id := r.send(request)
			if !unanswered {
				ids <- id
				expected <- request
			}
		}
	}()
	n := 0
	for request := range expected {
		id, response := r.receive(request)
		if want := <-ids; id != want {
			t.Fatalf("response %d where %d was next", id, want)
		}
		if p, ok := response.(*kmsg.ProduceResponse); ok && p.Topics[0].Partitions[0].ErrorCode != 0 {
			t.Fatalf("producing: error %d", p.Topics[0].Partitions[0].ErrorCode)
		}
		n++
	}
	if n != 300 {
		t.Errorf("%d responses, want 300", n)
	}
	records := consume(t, c.Client(c.Admin(c.Tenant("lkc-aaaaaa")), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), 200)
	for i, record := range records {
		want := fmt.Sprint("unacknowledged ", i/2)
		if i%2 == 1 {
			want = fmt.Sprint("acknowledged ", i/2)
		}
		if string(record.Value) != want {
			t.Fatalf("record %d is %q, want %q", i, record.Value, want)
		}
	}
}

func TestUnacknowledgedRecordThatIsRefusedClosesTheConnection(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	r := authenticated(t, c, c.Key(tenant, tenant.LogicalClusterID, "sa-nobody"))
	r.send(produceRequest(9, 0, "orders", batch("x", -1, false)))
	r.expectClosed()
}

func TestForeignTopicIDs(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	createTopic(t, c, "lkc-bbbbbb_orders", 1)
	owner := c.Admin(c.Tenant("lkc-bbbbbb"))
	topics, err := kadm.NewClient(c.Client(owner)).ListTopics(testContext(t), "orders")
	if err != nil {
		t.Fatal(err)
	}
	id := [16]byte(topics["orders"].ID)
	r := authenticated(t, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	for _, foreign := range [][16]byte{id, {1, 2, 3}} {
		produce := produceRequest(13, -1, "", batch("stolen", -1, false))
		produce.Topics[0].TopicID = foreign
		if code := r.ask(produce).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.UnknownTopicID.Code {
			t.Errorf("Produce to %x: error %d", foreign, code)
		}
		fetch := fetchRequest(13, 0, -1)
		fetch.Topics[0].TopicID = foreign
		if code := r.ask(fetch).(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.UnknownTopicID.Code {
			t.Errorf("Fetch of %x: error %d", foreign, code)
		}
		metadata := kmsg.NewPtrMetadataRequest()
		metadata.Version = 12
		topic := kmsg.NewMetadataRequestTopic()
		topic.TopicID = foreign
		metadata.Topics = append(metadata.Topics, topic)
		if got := r.ask(metadata).(*kmsg.MetadataResponse).Topics[0]; got.ErrorCode != kerr.UnknownTopicID.Code || got.Topic != nil {
			t.Errorf("Metadata of %x: error %d", foreign, got.ErrorCode)
		}
	}
	ends, err := kadm.NewClient(c.Client(owner)).ListEndOffsets(testContext(t), "orders")
	if o, ok := ends.Lookup("orders", 0); err != nil || !ok || o.Offset != 0 {
		t.Errorf("the foreign topic has %+v, %v", o, err)
	}
}

func fetchRequest(version int16, session, epoch int32) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.MaxBytes, request.MinBytes, request.MaxWaitMillis = version, 1<<20, 1, 10
	request.SessionID, request.SessionEpoch = session, epoch
	t := kmsg.NewFetchRequestTopic()
	t.Topic = "orders"
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	t.Partitions = append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	return request
}

func TestFetchSessionsStayWithTheirConnection(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{FetchSessions: 2}})
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	victim, thief := c.Admin(c.Tenant("lkc-aaaaaa")), c.Admin(c.Tenant("lkc-bbbbbb"))
	produceOne(t, c.Client(victim), "orders", "secret")
	r := authenticated(t, c, victim)
	opened := r.ask(fetchRequest(12, 0, 0)).(*kmsg.FetchResponse)
	if opened.SessionID == 0 || len(opened.Topics) != 1 || opened.Topics[0].Topic != "orders" {
		t.Fatalf("opening a session: %+v", opened)
	}
	again := fetchRequest(12, opened.SessionID, 1)
	again.Topics = nil
	stolen := authenticated(t, c, thief).ask(again).(*kmsg.FetchResponse)
	if stolen.ErrorCode != kerr.FetchSessionIDNotFound.Code || len(stolen.Topics) != 0 {
		t.Errorf("another tenant goes on with the session: error %d, %d topics", stolen.ErrorCode, len(stolen.Topics))
	}
	if mine := r.ask(again).(*kmsg.FetchResponse); mine.ErrorCode != 0 || mine.SessionID != opened.SessionID {
		t.Errorf("its own connection: error %d, session %d", mine.ErrorCode, mine.SessionID)
	}
	// What the rights were does not count once they changed, and those in another organization do not matter.
	c.Admin(c.Tenant("lkc-cccccc"))
	again.SessionEpoch = 2
	if mine := r.ask(again).(*kmsg.FetchResponse); mine.ErrorCode != 0 {
		t.Errorf("after rights changed in another organization: error %d", mine.ErrorCode)
	}
	c.Put(tenancy.StateBinding, "rb-more", tenancy.Binding{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, RoleBindingID: "rb-more", Principal: "User:sa-more", RoleName: orrery.RoleOrganizationAdmin,
		CRNPattern: orrery.OrganizationCRN("org-of-lkc-aaaaaa").String(),
	})
	again.SessionEpoch = 3
	if mine := r.ask(again).(*kmsg.FetchResponse); mine.ErrorCode != kerr.FetchSessionIDNotFound.Code {
		t.Errorf("after rights changed: error %d", mine.ErrorCode)
	}
	if second := r.ask(fetchRequest(12, 0, 0)).(*kmsg.FetchResponse); second.SessionID == 0 {
		t.Error("the tenant's second session is refused")
	}
	if third := r.ask(fetchRequest(12, 0, 0)).(*kmsg.FetchResponse); third.SessionID != 0 || len(third.Topics) != 1 {
		t.Errorf("the tenant's third session: id %d, %d topics; want none and the records", third.SessionID, len(third.Topics))
	}
}

func TestFetchAnswersForWhatMayNotBeRead(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	r := authenticated(t, c, c.Key(tenant, tenant.LogicalClusterID, "sa-nobody"))
	response := r.ask(fetchRequest(12, 0, 0)).(*kmsg.FetchResponse)
	if len(response.Topics) != 1 || response.Topics[0].Topic != "orders" || response.Topics[0].Partitions[0].ErrorCode != kerr.TopicAuthorizationFailed.Code || response.SessionID != 0 {
		t.Errorf("%+v", response)
	}
	request := fetchRequest(12, 0, 0)
	request.ClusterID = kmsg.StringPtr("lkc-bbbbbb")
	if code := r.ask(request).(*kmsg.FetchResponse).ErrorCode; code != kerr.InconsistentClusterID.Code {
		t.Errorf("another cluster's id: error %d", code)
	}
}

func TestForeignProducerIDs(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	createTopic(t, c, "lkc-bbbbbb_orders", 1)
	victim := c.Client(c.Admin(c.Tenant("lkc-bbbbbb")), kgo.TransactionalID("payments"))
	if err := victim.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceOne(t, victim, "orders", "in a transaction")
	id, _, err := victim.ProducerID(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	r := authenticated(t, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	for name, request := range map[string]*kmsg.ProduceRequest{
		"without a transaction":                       produceRequest(11, -1, "orders", batch("x", id, false)),
		"in a transaction without a transactional id": produceRequest(11, -1, "orders", batch("x", id, true)),
	} {
		code := r.ask(request).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		if c.Kafka.Engine == kafkatest.Apache && code == 0 && name == "without a transaction" {
			continue // it keeps producers by partition: in one's own this is no other tenant's
		}
		if code != kerr.InvalidProducerIDMapping.Code && code != kerr.TransactionalIDAuthorizationFailed.Code {
			t.Errorf("%s: error %d", name, code)
		}
	}
	transactional := produceRequest(11, -1, "orders", batch("x", id, true))
	transactional.TransactionID = kmsg.StringPtr("payments")
	if code := r.ask(transactional).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.InvalidProducerIDMapping.Code {
		t.Errorf("under the same transactional id: error %d", code)
	}
	if err := victim.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
		t.Errorf("the transaction of the other tenant: %v", err)
	}
}

func TestAddressesAndIDsAreTheTenants(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	r := authenticated(t, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version, metadata.IncludeClusterAuthorizedOperations = 9, true
	got := r.ask(metadata).(*kmsg.MetadataResponse)
	if len(got.Brokers) != 3 || *got.ClusterID != "lkc-aaaaaa" || got.AuthorizedOperations <= 0 {
		t.Errorf("%d brokers of %s, operations %b", len(got.Brokers), *got.ClusterID, got.AuthorizedOperations)
	}
	for i, b := range got.Brokers {
		if want := c.Endpoints.Brokers[b.NodeID]; b.Host != want.Host || b.Port != want.Port {
			t.Errorf("broker %d is at %s:%d, want %+v", i, b.Host, b.Port, want)
		}
	}
	describe := kmsg.NewPtrDescribeClusterRequest()
	describe.Version, describe.EndpointType = 1, 1
	cluster := r.ask(describe).(*kmsg.DescribeClusterResponse)
	for _, b := range cluster.Brokers {
		if want := c.Endpoints.Brokers[b.NodeID]; b.Port != want.Port || cluster.ClusterID != "lkc-aaaaaa" {
			t.Errorf("DescribeCluster: %+v of %s, want %+v", b, cluster.ClusterID, want)
		}
	}
	describe.EndpointType = 2
	if code := r.ask(describe).(*kmsg.DescribeClusterResponse).ErrorCode; code != kerr.MismatchedEndpointType.Code {
		t.Errorf("controllers: error %d", code)
	}
	coordinator := kmsg.NewPtrFindCoordinatorRequest()
	coordinator.Version, coordinator.CoordinatorKeys = 4, []string{"g"}
	found := r.ask(coordinator).(*kmsg.FindCoordinatorResponse).Coordinators[0]
	if want := c.Endpoints.Brokers[found.NodeID]; found.Key != "g" || found.Port != want.Port || found.ErrorCode != 0 {
		t.Errorf("the coordinator is %+v, want %+v", found, want)
	}
}

func TestMetadataInEveryVersion(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	createTopic(t, c, "lkc-aaaaaa_orders", 2)
	createTopic(t, c, "lkc-bbbbbb_orders", 1)
	createTopic(t, c, "lkc-aaaaaa_rides", 1)
	r := authenticated(t, c, c.Admin(c.Tenant("lkc-aaaaaa")))
	for version := int16(0); version <= 13; version++ {
		all := kmsg.NewPtrMetadataRequest()
		all.Version, all.Topics = version, nil
		if got := topicNames(r.ask(all)); got != "orders rides" {
			t.Errorf("version %d, all topics: %q", version, got)
		}
		named := kmsg.NewPtrMetadataRequest()
		named.Version = version
		for _, name := range []string{"orders", "missing", "lkc-bbbbbb_orders", strings.Repeat("x", 249)} {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &name
			named.Topics = append(named.Topics, topic)
		}
		codes := map[string]int16{}
		for _, topic := range r.ask(named).(*kmsg.MetadataResponse).Topics {
			codes[*topic.Topic] = topic.ErrorCode
		}
		if len(codes) != 4 || codes["orders"] != 0 || codes["missing"] != kerr.UnknownTopicOrPartition.Code ||
			codes["lkc-bbbbbb_orders"] != kerr.UnknownTopicOrPartition.Code || codes[strings.Repeat("x", 249)] != kerr.InvalidTopicException.Code {
			t.Errorf("version %d, named topics: %v", version, codes)
		}
		if version > 0 {
			none := kmsg.NewPtrMetadataRequest()
			none.Version, none.Topics = version, []kmsg.MetadataRequestTopic{}
			if got := topicNames(r.ask(none)); got != "" {
				t.Errorf("version %d, no topics: %q", version, got)
			}
		}
	}
}

func topicNames(response kmsg.Response) string {
	names := map[string]bool{}
	for _, topic := range response.(*kmsg.MetadataResponse).Topics {
		names[*topic.Topic] = true
	}
	sorted := make([]string, 0, len(names))
	for _, name := range []string{"orders", "rides"} {
		if names[name] {
			sorted = append(sorted, name)
			delete(names, name)
		}
	}
	for name := range names {
		sorted = append(sorted, "unexpected "+name)
	}
	return strings.Join(sorted, " ")
}

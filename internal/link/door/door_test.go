package door_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/link/door"
	"github.com/orrery-kafka/orrery/internal/link/kafka"
	"github.com/orrery-kafka/orrery/internal/link/linktest"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// house is a real broker with a door before it. The mothership is inside.
type house struct {
	broker  string // HOST:PORT
	inside  func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	root    *pki.Authority // of what the door presents
	clients *pki.Authority // of who comes
}

// start puts a door before the embedded engine.
func start(t *testing.T) *house {
	t.Helper()
	engine := kafkatest.StartDurable(t, 1)
	return build(t, &house{broker: engine.ListenAddrs()[0], inside: engine.Dial})
}

func build(t *testing.T, h *house) *house {
	t.Helper()
	dir := t.TempDir()
	var err error
	if h.root, err = pki.OpenRoot(filepath.Join(dir, "root"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if h.clients, err = pki.OpenLinkAuthority(filepath.Join(dir, "link"), time.Now()); err != nil {
		t.Fatal(err)
	}
	presented, err := h.root.Issue("door", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var reloader pki.Reloader
	reloader.Swap(presented)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = listener.Addr().String()
	d, err := door.New(door.Config{
		Dial:       func(ctx context.Context) (net.Conn, error) { return h.inside(ctx, "tcp", h.broker) },
		Advertised: h.address, Certificate: reloader.GetCertificate, Clients: h.clients.Root(),
		Admitted: func(id string) bool { return strings.HasPrefix(id, "sat-") }, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.Serve(listener) }()
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the door ended with %v", err)
		}
	})
	return h
}

// identity is the TLS of a client with a certificate of an authority for a name.
func (h *house) identity(t *testing.T, authority *pki.Authority, name string) *tls.Config {
	t.Helper()
	key, request, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := authority.SignClient(string(request), name, "pkc-control", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pki.ParseClient(key, chain)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{RootCAs: h.root.Root(), Certificates: []tls.Certificate{certificate.TLS}}
}

func (h *house) OpenMothership(t *testing.T, arrived func(), satelliteIDs ...string) linktest.End {
	t.Helper()
	end, err := kafka.OpenMothership(t.Context(), kafka.Config{Seeds: []string{h.broker}, Dial: h.inside, Arrived: arrived}, satelliteIDs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end.Close)
	return end
}

func (h *house) OpenSatellite(t *testing.T, arrived func(), satelliteID string) linktest.End {
	t.Helper()
	dialer := &tls.Dialer{Config: h.identity(t, h.clients, satelliteID)}
	end, err := kafka.OpenSatellite(t.Context(), kafka.Config{Seeds: []string{h.address}, Dial: dialer.DialContext, Arrived: arrived, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}, satelliteID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end.Close)
	return end
}

func (h *house) Append(t *testing.T, status bool, satelliteID string, key, value []byte) {
	t.Helper()
	topic := "desired." + satelliteID
	if status {
		topic = "status." + satelliteID
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(h.broker), kgo.Dialer(h.inside), kgo.ProducerBatchMaxBytes(2<<20), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: key, Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestLink: the whole protocol of the link works through the door.
func TestLink(t *testing.T) {
	linktest.Run(t, func(t *testing.T) linktest.Link { return start(t) })
}

// TestApacheKafka: the same before Apache Kafka, with less of the suite, for each start of it takes seconds.
func TestApacheKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka")
	}
	brokers := kafkatest.Start(t, kafkatest.Apache, kafkatest.Options{})
	h := build(t, &house{broker: brokers.Brokers[0].Address, inside: (&net.Dialer{}).DialContext})
	mothership, satellite := h.OpenMothership(t, nil, "sat-1", "sat-2"), h.OpenSatellite(t, nil, "sat-2")
	down := link.Message{Version: link.WireVersion, Kind: "psc", ID: "pkc-1", Content: []byte(`{"brokers":3}`)}
	if err := mothership.Send(t.Context(), "sat-2", []link.Message{down}); err != nil {
		t.Fatal(err)
	}
	arrives(t, satellite, "pkc-1")
	up := link.Message{Version: link.WireVersion, Kind: "psc", ID: "pkc-2", Content: []byte(`{"applied":true}`)}
	if err := satellite.Send(t.Context(), "sat-2", []link.Message{up}); err != nil {
		t.Fatal(err)
	}
	arrives(t, mothership, "pkc-2")
	refusesOthers(t, h)
}

// arrives waits for a message of an id.
func arrives(t *testing.T, end link.Receiver, id string) {
	t.Helper()
	poll.Until(t, id+" to arrive", func() bool {
		messages, err := end.Receive(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(messages) == 1 && messages[0].ID == id
	})
}

// TestEachItsOwn: an identity gets nothing of another's topics, whatever it asks, and learns nothing of them.
func TestEachItsOwn(t *testing.T) {
	h := start(t)
	h.OpenMothership(t, nil, "sat-1", "sat-2")
	refusesOthers(t, h)
}

// refusesOthers asks as sat-2 for what is sat-1's.
func refusesOthers(t *testing.T, h *house) {
	t.Helper()
	config := h.identity(t, h.clients, "sat-2")
	client, err := kgo.NewClient(kgo.SeedBrokers(h.address), kgo.DialTLSConfig(config), kgo.DisableFetchSessions(), kgo.RequestRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	all, err := kadm.NewClient(client).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if names := all.Names(); strings.Join(names, " ") != "desired.sat-2 status.sat-2" {
		t.Errorf("sat-2 is told of %q", names)
	}
	for name, refusal := range refusals("sat-1") {
		response, err := client.Broker(0).Request(t.Context(), refusal.request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		code := refusal.code(response)
		if got := kerr.ErrorForCode(code); !errors.Is(got, kerr.TopicAuthorizationFailed) && !errors.Is(got, kerr.TransactionalIDAuthorizationFailed) {
			t.Errorf("%s of another's: %v", name, got)
		}
	}
	for name, request := range map[string]kmsg.Request{
		"DeleteTopics": kmsg.NewPtrDeleteTopicsRequest(), "CreateACLs": kmsg.NewPtrCreateACLsRequest(), "a session": session(), "another's tongue": kmsg.NewPtrListGroupsRequest(),
	} {
		if response, err := client.Broker(0).Request(t.Context(), request); err == nil {
			t.Errorf("%s is answered: %+v", name, response)
		}
	}
}

func session() kmsg.Request {
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SessionID, fetch.SessionEpoch = 1, 1
	return fetch
}

type refused struct {
	request kmsg.Request
	code    func(kmsg.Response) int16
}

// refusals asks for everything of another satellite.
func refusals(other string) map[string]refused {
	desired, status, transaction := "desired."+other, "status."+other, "orrery-status-"+other
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: desired, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
	list := kmsg.NewPtrListOffsetsRequest()
	list.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: desired, Partitions: []kmsg.ListOffsetsRequestTopicPartition{kmsg.NewListOffsetsRequestTopicPartition()}}}
	epoch := kmsg.NewPtrOffsetForLeaderEpochRequest()
	epoch.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: desired, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{kmsg.NewOffsetForLeaderEpochRequestTopicPartition()}}}
	begin := kmsg.NewPtrInitProducerIDRequest()
	begin.TransactionalID = &transaction
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks, produce.TransactionID = -1, &transaction
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: status, Partitions: []kmsg.ProduceRequestTopicPartition{kmsg.NewProduceRequestTopicPartition()}}}
	idempotent := kmsg.NewPtrProduceRequest()
	idempotent.Acks, idempotent.Topics = -1, produce.Topics
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.Topics = "orrery-status-sat-2", []kmsg.AddPartitionsToTxnRequestTopic{{Topic: status, Partitions: []int32{0}}}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID = transaction
	describe := kmsg.NewPtrDescribeTransactionsRequest()
	describe.TransactionalIDs = []string{transaction}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "mine", NumPartitions: 1, ReplicationFactor: 1}}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = []kmsg.MetadataRequestTopic{{Topic: &desired}}
	return map[string]refused{
		"Fetch":       {fetch, func(r kmsg.Response) int16 { return r.(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode }},
		"ListOffsets": {list, func(r kmsg.Response) int16 { return r.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].ErrorCode }},
		"OffsetForLeaderEpoch": {epoch, func(r kmsg.Response) int16 {
			return r.(*kmsg.OffsetForLeaderEpochResponse).Topics[0].Partitions[0].ErrorCode
		}},
		"InitProducerID": {begin, func(r kmsg.Response) int16 { return r.(*kmsg.InitProducerIDResponse).ErrorCode }},
		"Produce":        {produce, func(r kmsg.Response) int16 { return r.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode }},
		"Produce alone":  {idempotent, func(r kmsg.Response) int16 { return r.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode }},
		"AddPartitionsToTxn": {add, func(r kmsg.Response) int16 {
			return r.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
		}},
		"EndTxn": {end, func(r kmsg.Response) int16 { return r.(*kmsg.EndTxnResponse).ErrorCode }},
		"DescribeTransactions": {describe, func(r kmsg.Response) int16 {
			return r.(*kmsg.DescribeTransactionsResponse).TransactionStates[0].ErrorCode
		}},
		"CreateTopics": {create, func(r kmsg.Response) int16 { return r.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode }},
		"Metadata":     {metadata, func(r kmsg.Response) int16 { return r.(*kmsg.MetadataResponse).Topics[0].ErrorCode }},
	}
}

// TestWhoMayCome: without a certificate of the link's own authority, or with one for somebody who is not registered,
// nobody gets an answer.
func TestWhoMayCome(t *testing.T) {
	h := start(t)
	for name, config := range map[string]*tls.Config{
		"nobody":                          {RootCAs: h.root.Root()},
		"somebody of the other authority": h.identity(t, h.root, "sat-1"),
		"somebody who is not registered":  h.identity(t, h.clients, "operator"),
		"with TLS of before":              {RootCAs: h.root.Root(), MaxVersion: tls.VersionTLS12, Certificates: h.identity(t, h.clients, "sat-1").Certificates},
	} {
		client, err := kgo.NewClient(kgo.SeedBrokers(h.address), kgo.DialTLSConfig(config), kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if response, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), client); err == nil {
			t.Errorf("%s is answered: %+v", name, response)
		}
		client.Close()
	}
	// What is not Kafka's protocol ends its connection, and nothing else.
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x04\x00\x12\x00\x00", "\x7f\xff\xff\xff", "\x00\x00\x00\x00"} {
		conn, err := tls.Dial("tcp", h.address, h.identity(t, h.clients, "sat-1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%q is answered with %d bytes", text, n)
		}
		conn.Close()
	}
	h.OpenMothership(t, nil, "sat-1")
	h.OpenSatellite(t, nil, "sat-1")
}

// TestAnAuthorityOfASatelliteMakesNobody: what a satellite's own authority signs is nobody at the link.
func TestAnAuthorityOfASatelliteMakesNobody(t *testing.T) {
	h := start(t)
	key, request, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := h.root.SignAuthority(string(request), "sat-1", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	authority, err := pki.ParseAuthority(key, chain, h.root.RootPEM())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", h.address, h.identity(t, authority, "sat-2"))
	if err == nil {
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if err == nil {
		t.Error("sat-1 made itself an identity of sat-2")
	}
	issued, err := authority.Issue("gateway", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	between := x509.NewCertPool()
	for _, der := range issued.TLS.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(c)
	}
	if _, err := issued.TLS.Leaf.Verify(x509.VerifyOptions{Roots: h.root.Root(), Intermediates: between, DNSName: "127.0.0.1"}); err != nil {
		t.Errorf("what it signs for its clusters: %v", err)
	}
}

package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// twin is a connection of a tenant through one of the two lanes, with a broker and a client that the test plays.
type twin struct {
	gateway *Gateway
	// What follows is about the connection that is tried.
	broker    sync.WaitGroup
	response  []byte // what the broker answers every request with, behind the correlation id
	taken     int    // requests that the raw lane took
	passed    int    // and responses
	forwarded []byte // all that the broker got
}

var (
	ownTopic     = [16]byte{1}
	otherOwn     = [16]byte{2}
	foreignTopic = [16]byte{3}
	unknownTopic = [16]byte{4}
)

// hiddenHost is in the addresses of brokers.
const hiddenHost = ".internal"

const heldSession = 77 // was opened by every twin

// newTwin makes a gateway that knows one tenant and its topics.
func newTwin(t testing.TB, raw, allowed bool) *twin {
	w := &twin{}
	g, err := New(Config{
		TLS: &tls.Config{}, Control: Control{Seeds: []string{"127.0.0.1:1"}},
		Limits: Limits{FetchBytes: decodedFetchBytes}, // else the handler asks for less
		DialBroker: func(context.Context, int32) (net.Conn, error) {
			near, far := net.Pipe()
			w.broker.Go(func() { w.serve(near) })
			return far, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	w.gateway = g
	records := []stateRecord{record(t, tenancy.StateTenant, "lkc-aaaaaa", tenancy.Tenant{LogicalClusterID: "lkc-aaaaaa", OrganizationID: "org-1", EnvironmentID: "env-1"})}
	if allowed {
		records = append(records, record(t, tenancy.StateBinding, "rb-1", tenancy.Binding{
			RoleBindingID: "rb-1", Principal: "User:sa-1", RoleName: orrery.RoleCloudClusterAdmin,
			CRNPattern: orrery.CloudClusterCRN("org-1", "env-1", "lkc-aaaaaa").String(),
		}))
	}
	st, malformed := emptyState().with(records)
	if len(malformed) > 0 {
		t.Fatal(malformed)
	}
	st.endpoints.Brokers = []orrery.BrokerEndpoint{{Node: 1, Host: "b1.example", Port: 9092}, {Node: 2, Host: "b2.example", Port: 9092}}
	g.state.Store(st)
	g.topics.learn(ownTopic, "lkc-aaaaaa_orders")
	g.topics.learn(otherOwn, "lkc-aaaaaa_audit")
	g.topics.learn(foreignTopic, "lkc-bbbbbb_orders")
	g.topics.negative[unknownTopic] = time.Now().Add(time.Hour)
	engine := kmsg.NewPtrApiVersionsResponse()
	for _, key := range []int16{0, 1} {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MaxVersion = key, 100
		engine.ApiKeys = append(engine.ApiKeys, k)
	}
	table, err := newTable(allHandlers(), engine, g.metrics)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range table.entries {
		if entry != nil && entry.lane != nil {
			entry.lane = w.counted(entry.lane, raw)
		}
	}
	g.table.Store(table)
	g.closer.running = true // else it would ask the broker
	return w
}

// counted is a lane that counts what it takes, or none.
func (w *twin) counted(lane *rawLane, raw bool) *rawLane {
	if !raw {
		return nil
	}
	counted := *lane
	counted.request = func(c *connection, in *inbound) (bool, error) {
		taken, err := lane.request(c, in)
		if taken {
			w.taken++
		}
		return taken, err
	}
	counted.response = func(s *slot, frame []byte, marks []mark) ([]mark, bool) {
		marks, ok := lane.response(s, frame, marks)
		if ok {
			w.passed++
		}
		return marks, ok
	}
	if lane.stream != nil {
		counted.stream = func(c *connection, u *upstream, s *slot, size int) error {
			w.passed++
			return lane.stream(c, u, s, size)
		}
	}
	return &counted
}

// outcome is what the broker and the client of a connection saw.
type outcome struct {
	forwarded []byte
	answers   []byte
	closed    bool
	sessions  map[int32]fetchSession
	counted   int
}

const sentinel = 99 // the correlation id of a request behind the one that is tried

// try sends a request frame to a connection of its own, lets the broker answer with a body, and returns what came.
func (w *twin) try(t testing.TB, request, response []byte) outcome {
	near, far := net.Pipe()
	c := w.gateway.newConnection(far, "127.0.0.1", 0)
	if !w.gateway.track(c) {
		t.Fatal("the gateway takes no connection")
	}
	tenant, _ := w.gateway.state.Load().tenant("lkc-aaaaaa")
	c.admitted(Identity{OrganizationID: "org-1", EnvironmentID: "env-1", LogicalClusterID: "lkc-aaaaaa", PrincipalID: "sa-1"}, tenant)
	c.session.memory.fetchSessions = map[int32]fetchSession{heldSession: {c.session.policy()}}
	w.gateway.mu.Lock()
	w.gateway.fetchSessions = map[string]int{"lkc-aaaaaa": 1}
	w.gateway.mu.Unlock()
	w.response, w.forwarded = response, nil
	memory := c.session.memory
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run()
	}()
	end := sync.OnceFunc(func() {
		near.Close()
		<-ended
		w.gateway.untrack(c)
		w.broker.Wait()
	})
	defer end()
	near.SetDeadline(time.Now().Add(2 * time.Minute))
	frames := appendRequest(bytes.Clone(request), kmsg.NewPtrApiVersionsRequest(), sentinel, "x")
	go near.Write(frames) // ends with the connection
	var o outcome
	o.answers, o.closed = readAnswers(t, near)
	// Before the connection ends, for that gives the slots back.
	memory.mu.Lock()
	o.sessions = maps.Clone(memory.fetchSessions)
	memory.mu.Unlock()
	w.gateway.mu.Lock()
	o.counted = w.gateway.fetchSessions["lkc-aaaaaa"]
	w.gateway.mu.Unlock()
	end()
	o.forwarded = w.forwarded
	return o
}

// serve is the broker.
func (w *twin) serve(conn net.Conn) {
	defer conn.Close()
	for {
		head := make([]byte, sizeBytes)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		w.forwarded = append(append(w.forwarded, head...), body...)
		if binary.BigEndian.Uint16(body) == 0 {
			request := kmsg.NewPtrProduceRequest()
			request.Version = int16(binary.BigEndian.Uint16(body[2:]))
			_, rest, err := parseRest(body[fixedHeaderBytes:], request.IsFlexible())
			if err != nil || request.ReadFrom(rest) != nil || request.Acks == 0 {
				continue
			}
		}
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(w.response)+4))
		frame = append(append(frame, body[4:8]...), w.response...)
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
}

// readAnswers returns what comes before the answer to the sentinel, and whether the connection ended before that.
func readAnswers(t testing.TB, conn net.Conn) (answers []byte, closed bool) {
	for {
		head := make([]byte, responseHeadBytes)
		n, err := io.ReadFull(conn, head)
		if err == nil && binary.BigEndian.Uint32(head[sizeBytes:]) == sentinel {
			io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-4)
			return answers, false
		}
		answers = append(answers, head[:n]...)
		if err == nil {
			body := make([]byte, binary.BigEndian.Uint32(head)-4)
			n, err = io.ReadFull(conn, body)
			answers = append(answers, body[:n]...)
		}
		if err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Fatalf("the connection neither answers nor ends; so far: %x", answers)
			}
			return answers, true
		}
	}
}

// pair is the two lanes.
type pair struct{ decoded, raw *twin }

func newPair(t testing.TB, allowed bool) pair {
	return pair{newTwin(t, false, allowed), newTwin(t, true, allowed)}
}

// same fails where the lanes differ in what they do with a request and its response. With large, the response is
// one that is streamed: its addresses may be missing.
func (p pair) same(t testing.TB, key, version int16, request, response []byte, large bool) (took bool) {
	t.Helper()
	want, got := p.decoded.try(t, request, response), p.raw.try(t, request, response)
	if testutil.ToFloat64(p.raw.gateway.metrics.panics)+testutil.ToFloat64(p.decoded.gateway.metrics.panics) > 0 {
		t.Fatalf("the gateway panicked at %x", request)
	}
	if !bytes.Equal(want.forwarded, got.forwarded) {
		t.Fatalf("%s version %d, request %x:\nthe handler forwards %x\nand the raw lane   %x", kmsg.NameForKey(key), version, request, want.forwarded, got.forwarded)
	}
	if bytes.Contains(got.answers, []byte(hiddenHost)) {
		t.Fatalf("%s version %d: a client is told a broker's address", kmsg.NameForKey(key), version)
	}
	answers, raw := want.answers, got.answers
	if large && !want.closed && !got.closed {
		answers, raw = withoutAddresses(t, version, answers), withoutAddresses(t, version, raw)
	}
	if want.closed != got.closed || !bytes.Equal(answers, raw) && !(want.closed && large) {
		t.Fatalf("%s version %d, request %x, response %.200x:\nthe handler answers %.200x, closed: %v\nand the raw lane    %.200x, closed: %v",
			kmsg.NameForKey(key), version, request, response, answers, want.closed, raw, got.closed)
	}
	if !want.closed && (!sameSessions(want.sessions, got.sessions) || want.counted != got.counted) {
		t.Fatalf("%s version %d, request %x, response %.200x:\nafter the handler there are the sessions %v (%d)\nand after the raw lane %v (%d)",
			kmsg.NameForKey(key), version, request, response, want.sessions, want.counted, got.sessions, got.counted)
	}
	return len(got.forwarded) > 0
}

func sameSessions(a, b map[int32]fetchSession) bool {
	return slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
}

// withoutAddresses encodes a Fetch response again without what a streamed one may lack.
func withoutAddresses(t testing.TB, version int16, frame []byte) []byte {
	if len(frame) == 0 {
		return nil
	}
	response := kmsg.NewPtrFetchResponse()
	response.Version = version
	body := frame[responseHeadBytes:]
	if version >= 12 {
		r := kbin.Reader{Src: body}
		skipTags(&r)
		body = r.Src
	}
	if err := response.ReadFrom(body); err != nil {
		t.Fatalf("a client cannot read %.200x: %v", frame, err)
	}
	response.Brokers = nil
	response.UnknownTags = kmsg.Tags{}
	return response.AppendTo(frame[sizeBytes:responseHeadBytes:responseHeadBytes])
}

// laneCase makes requests and responses.
type laneCase struct{ *rand.Rand }

func (r laneCase) one(in int) bool { return r.IntN(in) == 0 }

func pickOf[T any](r laneCase, values ...T) T { return values[r.IntN(len(values))] }

func (r laneCase) topicID() [16]byte {
	if r.one(12) {
		return pickOf(r, foreignTopic, unknownTopic, [16]byte{})
	}
	return pickOf(r, ownTopic, otherOwn)
}

func (r laneCase) topic() string {
	if r.one(12) {
		return pickOf(r, "", ".", "ordérs", strings.Repeat("x", 250), "lkc-bbbbbb_orders")
	}
	return pickOf(r, "orders", "audit", strings.Repeat("y", 120), strings.Repeat("z", 238))
}

// request fills a Produce or Fetch request of a kind that clients send, or nearly.
func (r laneCase) request(key, version int16) kmsg.Request {
	request := kmsg.RequestForKey(key)
	if r.one(3) { // anything
		populate(r.Rand, reflect.ValueOf(request).Elem())
	}
	request.SetVersion(version)
	switch q := request.(type) {
	case *kmsg.ProduceRequest:
		q.Acks = pickOf[int16](r, -1, -1, 1, 0, 2)
		if r.one(4) {
			q.TransactionID = pickOf(r, nil, kmsg.StringPtr("tx"), kmsg.StringPtr("tx-2"), kmsg.StringPtr(""), kmsg.StringPtr(strings.Repeat("t", 1100)))
		}
		if len(q.Topics) == 0 {
			q.Topics = make([]kmsg.ProduceRequestTopic, r.IntN(4))
		}
		for i := range q.Topics {
			q.Topics[i].Topic, q.Topics[i].TopicID = r.topic(), r.topicID()
			q.Topics[i].Partitions = append(q.Topics[i].Partitions, make([]kmsg.ProduceRequestTopicPartition, r.IntN(3))...)
			for j := range q.Topics[i].Partitions {
				q.Topics[i].Partitions[j].Records = r.records()
			}
		}
	case *kmsg.FetchRequest:
		r.fetch(q)
	}
	return request
}

func (r laneCase) fetch(q *kmsg.FetchRequest) {
	q.MaxWaitMillis, q.MaxBytes = pickOf[int32](r, 1, 500, 1<<30, -1), pickOf[int32](r, 1, 1<<20, 1<<30, -1)
	q.SessionID, q.SessionEpoch = pickOf[int32](r, 0, heldSession, 5), pickOf[int32](r, -1, 0, 1, 9)
	if q.IsolationLevel = int8(r.IntN(2)); r.one(16) {
		q.IsolationLevel = pickOf[int8](r, -1, 2)
	}
	if !r.one(4) {
		q.ReplicaID, q.ClusterID, q.ReplicaState = -1, nil, kmsg.NewFetchRequestReplicaState()
	}
	if len(q.Topics) == 0 {
		q.Topics = make([]kmsg.FetchRequestTopic, r.IntN(4))
	}
	for i := range q.Topics {
		q.Topics[i].Topic, q.Topics[i].TopicID = r.topic(), r.topicID()
		for range r.IntN(3) {
			q.Topics[i].Partitions = append(q.Topics[i].Partitions, kmsg.NewFetchRequestTopicPartition())
		}
	}
	if r.one(3) {
		q.ForgottenTopics = append(q.ForgottenTopics, kmsg.FetchRequestForgottenTopic{Partitions: []int32{0, 1}})
	}
	for i := range q.ForgottenTopics {
		q.ForgottenTopics[i].Topic, q.ForgottenTopics[i].TopicID = r.topic(), r.topicID()
	}
}

// records are a batch with a header, whose length and content the gateway does not look at.
func (r laneCase) records() []byte {
	size := pickOf(r, 0, 10, batchHeader, 200, 200, 5000, 40_000)
	if size == 0 && r.one(2) {
		return nil
	}
	b := make([]byte, size)
	if size > batchHeader {
		b[batchMagic] = pickOf[byte](r, 2, 2, 2, 1)
		b[batchAttributes+1] = pickOf[byte](r, 0, 0, 0, transactional)
		binary.BigEndian.PutUint64(b[batchProducerID:], pickOf(r, ^uint64(0), 7))
	}
	return b
}

// response fills a response of the broker.
func (r laneCase) response(request kmsg.Request, large bool) []byte {
	response := request.ResponseKind()
	if r.one(3) {
		populate(r.Rand, reflect.ValueOf(response).Elem())
	}
	response.SetVersion(request.GetVersion())
	name := func() string { return r.physical() }
	switch q := response.(type) {
	case *kmsg.ProduceResponse:
		if len(q.Topics) == 0 {
			q.Topics = make([]kmsg.ProduceResponseTopic, r.IntN(4))
		}
		for i := range q.Topics {
			q.Topics[i].Topic = name()
			for range r.IntN(3) {
				q.Topics[i].Partitions = append(q.Topics[i].Partitions, kmsg.NewProduceResponseTopicPartition())
			}
		}
	case *kmsg.FetchResponse:
		q.ErrorCode, q.SessionID = pickOf[int16](r, 0, 0, 0, 0, 0, 0, 70, 71), pickOf[int32](r, 0, 5, heldSession)
		if large || len(q.Topics) == 0 {
			q.Topics = append(q.Topics, make([]kmsg.FetchResponseTopic, r.IntN(4))...)
		}
		for i := range q.Topics {
			q.Topics[i].Topic = name()
			for range r.IntN(3) {
				p := kmsg.NewFetchResponseTopicPartition()
				p.RecordBatches = make([]byte, r.IntN(500))
				if large {
					p.RecordBatches = bytes.Repeat([]byte{byte(r.IntN(256)), 2, 3}, pickOf(r, 0, 10, 20_000, 70_000))
				}
				for range r.IntN(3) {
					p.AbortedTransactions = append(p.AbortedTransactions, kmsg.NewFetchResponseTopicPartitionAbortedTransaction())
				}
				q.Topics[i].Partitions = append(q.Topics[i].Partitions, p)
			}
		}
		if r.one(4) {
			q.Brokers = []kmsg.FetchResponseBroker{{NodeID: 1, Host: "broker-1" + hiddenHost, Port: 1}, {NodeID: 9, Host: "broker-9" + hiddenHost, Port: 1}}
		}
	}
	var head []byte
	if flexibleResponseHeader(response) {
		head = []byte{0}
	}
	return response.AppendTo(head)
}

func (r laneCase) physical() string {
	if r.one(20) {
		return pickOf(r, "lkc-bbbbbb_orders", "orders", "lkc-aaaaaa")
	}
	return "lkc-aaaaaa_" + pickOf(r, "orders", "audit", strings.Repeat("y", 118), strings.Repeat("z", 230))
}

// mutate changes a few bytes of what is behind the header.
func (r laneCase) mutate(b []byte, from int) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(2) {
		if len(b) <= from {
			return b
		}
		at := from + r.IntN(len(b)-from)
		if r.one(2) {
			at = from + r.IntN(min(len(b)-from, 60))
		}
		switch r.IntN(5) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b, byte(r.IntN(256)))
		case 2:
			b = slices.Insert(b, at, byte(r.IntN(256)))
		default:
			b[at] = pickOf(r, 0, 1, 0x7f, 0x80, 0xff, byte(r.IntN(256)))
		}
	}
	return b
}

// frameOf is a request as a client sends it.
func (r laneCase) frameOf(request kmsg.Request, mutated bool) []byte {
	frame := appendRequest(nil, request, 7, pickOf(r, "", "client", "another"))
	if mutated {
		frame = r.mutate(frame, sizeBytes+fixedHeaderBytes)
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-sizeBytes))
	}
	return frame
}

// run tries a case that a seed makes.
func (r laneCase) run(t testing.TB, p pair) {
	key := pickOf[int16](r, 0, 1)
	entry := p.raw.gateway.table.Load().entry(key)
	request := r.request(key, entry.min+int16(r.IntN(int(entry.max-entry.min)+1)))
	large := key == 1 && r.one(6)
	response := r.response(request, large)
	large = len(response)+responseHeadBytes > largeWindow
	switch {
	case large || !r.one(4):
	case !request.IsFlexible():
		response = r.mutate(response, 0)
	default: // kmsg would count tags that are not there for minutes, if a broker sent such a thing
		response = response[:r.IntN(len(response)+1)]
	}
	p.same(t, key, request.GetVersion(), r.frameOf(request, r.one(4)), response, large)
}

// TestRawLane: what the raw lane does with a request and its response is what the handler does, byte for byte.
func TestRawLane(t *testing.T) {
	rounds := uint64(3000)
	if os.Getenv("ORRERY_SOAK") != "" {
		rounds = 400_000
	}
	allowed, refused := newPair(t, true), newPair(t, false)
	for seed := range rounds {
		r := laneCase{rand.New(rand.NewPCG(seed, 1))}
		p := allowed
		if seed%16 == 0 {
			p = refused
		}
		r.run(seeded{t, seed}, p)
	}
	t.Logf("of %d requests the raw lane took %d, and %d responses", rounds, allowed.raw.taken, allowed.raw.passed)
	if taken := uint64(allowed.raw.taken); taken < rounds/5 || taken > rounds*4/5 || uint64(allowed.raw.passed) < rounds/10 {
		t.Error("the cases do not try both lanes")
	}
}

// FuzzRawLane is TestRawLane with frames that are found.
func FuzzRawLane(f *testing.F) {
	for seed := range uint64(40) {
		r := laneCase{rand.New(rand.NewPCG(seed, 2))}
		key := int16(seed % 2)
		request := r.request(key, []int16{3, 8, 9, 12, 13, 4, 7, 11, 12, 18}[seed%2*5+seed/2%5])
		frame := r.frameOf(request, false)
		f.Add(key, request.GetVersion(), frame[sizeBytes+fixedHeaderBytes:], r.response(request, false))
	}
	p := newPair(f, true)
	f.Fuzz(func(t *testing.T, key, version int16, request, response []byte) {
		entry := p.raw.gateway.table.Load().entry(key)
		if entry == nil || entry.lane == nil || version < entry.min || version > entry.max || len(request) > 32<<10 || len(response) > 32<<10 {
			t.Skip("not what is tried")
		}
		if version >= entry.lane.flexible {
			response = []byte{} // see laneCase.run
		}
		frame := binary.BigEndian.AppendUint32(nil, uint32(fixedHeaderBytes+len(request)))
		frame = binary.BigEndian.AppendUint16(frame, uint16(key))
		frame = binary.BigEndian.AppendUint16(frame, uint16(version))
		p.same(t, key, version, append(append(frame, 0, 0, 0, 7), request...), response, false)
	})
}

// seeded says which seed failed.
type seeded struct {
	testing.TB
	seed uint64
}

func (s seeded) Fatalf(format string, args ...any) {
	s.Helper()
	s.TB.Fatalf("seed %d: "+format, append([]any{s.seed}, args...)...)
}

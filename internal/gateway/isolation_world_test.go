package gateway_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math"
	"math/rand"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// The tenants of the proof. The thief knows the names that everybody can guess, and ids that it should not have; the
// polite one never utters what is not its own, so that nothing of others may ever be in its answers.
const (
	victimID = "lkc-victim"
	thiefID  = "lkc-thiefa"
	politeID = "lkc-polite"
	canary   = "canary"  // is in everything that only the victim knows
	settled  = "settled" // the victim's client id, which its members' ids begin with
)

// world is a physical cluster with a victim and two hostile tenants, under the eyes of a warden.
type world struct {
	t         testing.TB
	cluster   *gatewaytest.Cluster
	warden    *warden
	direct    *kgo.Client // to the engine
	victim    *resident
	held      *line // a connection of the victim with a fetch session
	session   int32
	epoch     int32       // of its next fetch
	writer    *kgo.Client // with an open transaction
	producer  int64
	intruders []*intruder
	unminded  bool // see victimClient

	mu       sync.Mutex
	findings []finding
}

// intruder is a hostile tenant.
type intruder struct {
	*party
	key  gatewaytest.Key
	loot loot
}

// newWorld starts one with one broker.
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, 1)
}

// newWorldOf starts one. A fault that a gateway caught is a finding.
func newWorldOf(t testing.TB, brokers int) *world {
	t.Helper()
	w := &world{t: t}
	w.warden = newWarden(w.find)
	w.cluster = gatewaytest.Start(t, gatewaytest.Options{
		Brokers: brokers, Dial: w.warden.watch, Logger: slog.New(faultLog{w.find}), Limits: gateway.Limits{FetchSessions: 200},
	})
	w.warden.binds = w.cluster.Kafka.Engine == kafkatest.Apache
	for _, b := range w.cluster.Endpoints.Brokers {
		w.warden.ports = append(w.warden.ports, b.Port)
	}
	var err error
	if w.direct, err = kgo.NewClient(kgo.SeedBrokers(w.cluster.Kafka.Addresses("")...), kgo.MetadataMinAge(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.direct.Close)
	all := residents(t, w.cluster, victimID, thiefID, politeID)
	w.victim = all[0]
	for i, r := range all[1:] {
		id := r.tenant.LogicalClusterID
		w.intruders = append(w.intruders, &intruder{
			party: &party{
				logicalClusterID: id, clientID: "intruder-" + id[4:], host: fmt.Sprintf("127.0.0.%d", 2+i),
				prefix: tenancy.PrefixOf(id), thief: id == thiefID,
			},
			key: r.key,
		})
		r.createTopic("orders", 3)
		produceMany(t, r, "orders", 3)
	}
	w.settleVictim()
	w.steal()
	for _, i := range w.intruders {
		w.warden.add(i.party)
	}
	return w
}

// faultLog finds faults in what a gateway logs.
type faultLog struct{ find func(finding) }

func (l faultLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l faultLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l faultLog) WithGroup(string) slog.Handler                    { return l }
func (l faultLog) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.find(finding{"?", "in the gateway", text})
	return nil
}

// maxFindings is enough to understand.
const maxFindings = 20

func (w *world) find(f finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.findings) < maxFindings {
		w.findings = append(w.findings, f)
	}
}

// taken returns what was found since it was last asked.
func (w *world) taken() []finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.findings
	w.findings = nil
	return found
}

// settleVictim gives the victim everything that a tenant can have.
func (w *world) settleVictim() {
	w.t.Helper()
	ctx, v := testContext(w.t), w.victim
	admin := v.admin()
	for topic, partitions := range map[string]int32{"orders": 3, canary + "-topic": 1} {
		if _, err := admin.CreateTopic(ctx, partitions, -1, map[string]*string{"retention.ms": kadm.StringPtr("9870000000")}, topic); err != nil {
			w.t.Fatal(err)
		}
	}
	mustCreateACLs(w.t, v.client(), topicACL("User:"+canary, canary+"-topic", authz.OperationRead, authz.PermissionAllow))
	mustAlterQuotas(w.t, v.client(), quotaOf("user", canary+"-user", quota.ProducerByteRate, 1e12))
	producer := v.client(kgo.ClientID(settled), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 9 {
		r := &kgo.Record{Topic: "orders", Partition: int32(i % 3), Key: []byte(canary + "-key"), Value: fmt.Appendf(nil, "%s-%d", canary, i)}
		if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, group := range []string{"parked", canary + "-group"} {
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: "orders", Partition: 1, At: 2, LeaderEpoch: -1, Metadata: canary + "-metadata"})
		if err := admin.CommitAllOffsets(ctx, group, offsets); err != nil {
			w.t.Fatal(err)
		}
	}
	w.joinVictim()
	w.writer = v.client(kgo.ClientID(settled), kgo.TransactionalID("tx"), kgo.TransactionTimeout(10*time.Minute))
	if err := w.writer.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	produceOne(w.t, w.writer, "orders", canary+"-open")
	var err error
	if w.producer, _, err = w.writer.ProducerID(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.openSession()
}

// joinVictim has live members in a classic group and in one of KIP-848.
func (w *world) joinVictim() {
	w.t.Helper()
	for _, o := range [][]kgo.Opt{
		{kgo.ConsumerGroup("workers")},
		{kgo.ConsumerGroup("next"), kgo.ServerSideBalancer()},
	} {
		consumer := w.victim.client(append(o, kgo.ClientID(settled), kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit(),
			kgo.SessionTimeout(45*time.Second), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
		for seen := 0; seen < 9; {
			fetches := consumer.PollFetches(testContext(w.t))
			if err := fetches.Err(); err != nil {
				w.t.Fatal(err)
			}
			seen += fetches.NumRecords()
		}
	}
	eventually(w.t, func() string {
		lines := strings.Join(w.groupLines(testContext(w.t), victimID+"_"), "\n")
		for _, want := range []string{"workers is Stable as a classic one", "next is Stable"} {
			if !strings.Contains(lines, "group "+victimID+"_"+want) {
				return "the victim's groups are not stable:\n" + lines
			}
		}
		return ""
	})
}

// openSession holds an incremental fetch session.
func (w *world) openSession() {
	w.t.Helper()
	w.held = w.dial(&intruder{party: &party{logicalClusterID: victimID, clientID: settled, host: "127.0.0.1"}, key: w.victim.key})
	response := w.fetchHeld()
	if w.session = response.SessionID; response.ErrorCode != 0 || w.session == 0 {
		w.t.Fatalf("opening a fetch session: %+v", response)
	}
}

// fetchHeld fetches with the victim's session, which the first time opens it.
func (w *world) fetchHeld() *kmsg.FetchResponse {
	w.t.Helper()
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.SessionID, request.SessionEpoch = 12, w.session, w.epoch
	request.MaxWaitMillis, request.MinBytes = 1, 0
	if w.epoch == 0 {
		t := kmsg.NewFetchRequestTopic()
		p := kmsg.NewFetchRequestTopicPartition()
		t.Topic, p.PartitionMaxBytes, p.CurrentLeaderEpoch = "orders", 1<<20, -1
		t.Partitions = append(t.Partitions, p)
		request.Topics = append(request.Topics, t)
	}
	response, _, err := w.held.exchange(request, patient)
	if err != nil {
		w.t.Fatalf("the victim's fetch: %v", err)
	}
	w.epoch++
	return response.(*kmsg.FetchResponse)
}

// holdsSession fails where the victim's fetch session is gone. It is used after each attack, as a client's is: one that
// nobody used for two minutes a broker may throw out for another one (KIP-227), and the embedded engine throws out the
// one that was idle longest when it has 1,000.
func (w *world) holdsSession() {
	w.t.Helper()
	if response := w.fetchHeld(); response.ErrorCode != 0 || response.SessionID != w.session {
		w.t.Errorf("the victim's fetch session is gone: %+v", response)
	}
}

// steal gives intruders their loot, and the warden what is whose.
func (w *world) steal() {
	w.t.Helper()
	victim := &party{logicalClusterID: victimID}
	members := w.members()
	w.warden.ownProducer(w.producer, victim)
	owners := map[string]*party{victimID: victim, thiefID: w.intruders[0].party, politeID: w.intruders[1].party}
	ids := map[string][16]byte{}
	for physical, t := range w.topics() {
		id, _, _ := strings.Cut(physical, "_")
		if owner := owners[id]; owner != nil {
			w.warden.ownTopic(t.ID, owner, physical)
			ids[physical] = t.ID
		}
	}
	for n, i := range w.intruders {
		other := w.intruders[1-n]
		i.loot = loot{
			topicIDs: [][16]byte{ids[i.logicalClusterID+"_orders"]}, clusterID: i.logicalClusterID, stolenClusterID: i.logicalClusterID,
			user: i.key.ID, password: i.key.Secret,
		}
		i.secrets = map[string][]byte{
			"its own prefix": []byte(i.prefix), "what the victim has": []byte(canary), "the victim's API key": []byte(w.victim.key.ID),
			"the other's API key": []byte(other.key.ID), "the victim's principal": []byte("u-" + victimID), "the victim's organization": []byte("org-of-" + victimID),
			"the other's principal": []byte("u-" + other.logicalClusterID), "the victim's configuration": []byte("9870000000"),
			"the physical cluster": []byte(gatewaytest.PhysicalClusterID), "the engine's id of the cluster": []byte(w.clusterID()),
		}
		if i.thief {
			i.loot.stolenTopicIDs = [][16]byte{ids[victimID+"_orders"], ids[victimID+"_"+canary+"-topic"], ids[politeID+"_orders"]}
			i.loot.stolenProducers, i.loot.stolenSessions = []int64{w.producer}, []int32{w.session}
			i.loot.stolenMembers, i.loot.stolenClusterID = slices.Clone(members), victimID
			i.loot.names = []string{victimID + "_orders", victimID + "_workers", victimID + "_tx", victimID + "_", victimID, politeID + "_orders", "_orrery_tenants", "_orrery_gateways"}
			continue
		}
		id := ids[victimID+"_orders"]
		i.secrets["the victim's id"], i.secrets["the other's id"], i.secrets["a platform's topic"] = []byte(victimID), []byte(other.logicalClusterID), []byte("_orrery_")
		i.secrets["the victim's topic id"] = id[:]
		if w.producer > math.MaxInt32 { // Apache Kafka counts them from 0; where a field has one it is seen anyway
			i.secrets["the victim's producer id"] = binary.BigEndian.AppendUint64(nil, uint64(w.producer))
		}
		for _, m := range members {
			i.secrets["the victim's member "+m] = []byte(m)
		}
	}
}

func (w *world) admin() *kadm.Client { return kadm.NewClient(w.direct) }

func (w *world) topics() kadm.TopicDetails {
	w.t.Helper()
	topics, err := w.admin().ListTopicsWithInternal(testContext(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	return topics
}

func (w *world) clusterID() string {
	w.t.Helper()
	metadata, err := w.admin().BrokerMetadata(testContext(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	return metadata.Cluster
}

// members are the ids of the victim's group members.
func (w *world) members() []string {
	w.t.Helper()
	var members []string
	for _, line := range strings.Split(w.fingerprint(), "\n") {
		if _, id, ok := strings.Cut(line, " member "); ok {
			members = append(members, strings.TrimSpace(id))
		}
	}
	if len(members) != 2 {
		w.t.Fatalf("the victim has members %q", members)
	}
	return members
}

// victimClient is a client of the victim. Where a bug is to show in what the victim has, nobody minds what it is told.
func (w *world) victimClient() *kgo.Client {
	if w.unminded {
		return w.cluster.Client(w.victim.key)
	}
	victim := *w.victim
	victim.t = w.t
	return victim.client()
}

// fingerprint is everything that the engine and the state topics know of the victim, as text.
func (w *world) fingerprint() string {
	w.t.Helper()
	ctx, admin := testContext(w.t), w.admin()
	prefix := victimID + "_"
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	var names []string
	topics := w.topics()
	for name, t := range topics {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
			add("topic %s %x with %d partitions", name, t.ID, len(t.Partitions))
		}
	}
	slices.Sort(names)
	check := func(err error) {
		if err != nil {
			w.t.Helper()
			w.t.Fatal(err)
		}
	}
	configs, err := admin.DescribeTopicConfigs(ctx, names...)
	check(err)
	for _, c := range configs {
		for _, v := range c.Configs {
			add("config %s %s=%s", c.Name, v.Key, v.MaybeValue())
		}
	}
	starts, err := admin.ListStartOffsets(ctx, names...)
	check(err)
	ends, err := admin.ListEndOffsets(ctx, names...)
	check(err)
	stable, err := admin.ListCommittedOffsets(ctx, names...)
	check(err)
	for _, of := range []struct {
		what    string
		offsets kadm.ListedOffsets
	}{{"start", starts}, {"end", ends}, {"stable end", stable}} {
		of.offsets.Each(func(o kadm.ListedOffset) { add("%s of %s/%d is %d %v", of.what, o.Topic, o.Partition, o.Offset, o.Err) })
	}
	ends.Each(func(o kadm.ListedOffset) {
		add("records of %s/%d are %x", o.Topic, o.Partition, w.recordHash(ctx, o, topics[o.Topic]))
	})
	lines = append(lines, w.groupLines(ctx, prefix)...)
	transactions, err := admin.DescribeTransactions(ctx)
	check(err)
	for id, t := range transactions {
		if strings.HasPrefix(id, prefix) {
			add("transaction %s of %d/%d is %s with %v", id, t.ProducerID, t.ProducerEpoch, t.State, t.Topics.Sorted())
		}
	}
	client := w.victimClient()
	acls, err := describeACLs(w.t, client, everyACL)
	check(err)
	for _, acl := range acls {
		add("ACL %s", acl)
	}
	for _, line := range describeQuotas(w.t, client, kmsg.NewPtrDescribeClientQuotasRequest()) {
		add("client quota %s", line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// recordHash is of the bytes of a partition, as they are stored.
func (w *world) recordHash(ctx context.Context, o kadm.ListedOffset, topic kadm.TopicDetail) uint64 {
	w.t.Helper()
	sum := fnv.New64()
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes, request.SessionEpoch = 1, 0, 8<<20, -1
	t, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	t.Topic, t.TopicID, p.Partition, p.PartitionMaxBytes, p.CurrentLeaderEpoch = o.Topic, topic.ID, o.Partition, 8<<20, -1
	t.Partitions = append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	response, err := w.direct.Broker(int(topic.Partitions[o.Partition].Leader)).Request(ctx, request)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, t := range response.(*kmsg.FetchResponse).Topics {
		for _, p := range t.Partitions {
			sum.Write(p.RecordBatches)
		}
	}
	return sum.Sum64()
}

func (w *world) groupLines(ctx context.Context, prefix string) (lines []string) {
	w.t.Helper()
	admin := w.admin()
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	listed, err := admin.ListGroups(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	var groups []string
	for _, g := range listed.Groups() {
		if strings.HasPrefix(g, prefix) {
			groups = append(groups, g)
		}
	}
	offsets := admin.FetchManyOffsets(ctx, groups...)
	for group, r := range offsets {
		r.Fetched.Each(func(o kadm.OffsetResponse) {
			add("group %s has committed %s/%d at %d %q %v", group, o.Topic, o.Partition, o.At, o.Metadata, o.Err)
		})
	}
	if len(groups) == 0 {
		return lines // kadm would describe those of all tenants
	}
	return append(lines, w.memberLines(ctx, groups)...)
}

// memberLines describes groups as classic ones and as those of KIP-848; each is one of the two, and says so.
func (w *world) memberLines(ctx context.Context, groups []string) (lines []string) {
	w.t.Helper()
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	classic, err := w.admin().DescribeGroups(ctx, groups...)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range classic {
		add("group %s is %s as a classic one %v", g.Group, strings.ReplaceAll(g.State, "Reconciling", "Stable"), g.Err)
		for _, m := range g.Members {
			add("group %s member %s", g.Group, m.MemberID)
			if assigned, ok := m.Assigned.AsConsumer(); ok {
				add("group %s assigns %v to %s", g.Group, assigned.Topics, m.MemberID)
			}
		}
	}
	next, err := w.admin().DescribeConsumerGroups(ctx, groups...)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range next {
		// The embedded engine gives every KIP-848 group of the physical cluster a new epoch when anybody creates or
		// deletes a topic, so until its members' next heartbeat it is not stable; assignments stay.
		add("group %s is %s %v", g.Group, strings.ReplaceAll(g.State, "Reconciling", "Stable"), g.Err)
		for _, m := range g.Members {
			add("group %s member %s", g.Group, m.MemberID)
			add("group %s assigns %v to %s", g.Group, m.Assignment.Sorted(), m.MemberID)
		}
	}
	return lines
}

// line is an authenticated raw connection of a tenant.
type line struct {
	conn   net.Conn
	who    *intruder
	format *kmsg.RequestFormatter
	next   int32
}

const patient = 10 * time.Second

// dial opens a connection from the tenant's own address; it is closed with the test, or earlier.
func (w *world) dial(who *intruder) *line {
	w.t.Helper()
	l, err := w.open(who)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.conn.Close() })
	return l
}

func (w *world) open(who *intruder) (*line, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(who.host)}, Timeout: patient}, Config: w.cluster.TLS}
	conn, err := dialer.Dial("tcp", w.cluster.Endpoints.Bootstrap)
	if err != nil {
		return nil, err
	}
	l := &line{conn: conn, who: who, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID(who.clientID))}
	handshake, login := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
	handshake.Version, handshake.Mechanism, login.Version = 1, "PLAIN", 2
	login.SASLAuthBytes = []byte("\x00" + who.key.ID + "\x00" + who.key.Secret)
	for _, request := range []kmsg.Request{handshake, login} {
		if _, _, err := l.exchange(request, patient); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return l, nil
}

// errSlow is a request that the gateway or the engine holds.
var errSlow = errors.New("no answer in time")

// exchange sends a request and returns its answer, decoded and as it came. Both are nil where none is to come.
func (l *line) exchange(request kmsg.Request, wait time.Duration) (kmsg.Response, []byte, error) {
	l.next++
	l.conn.SetDeadline(time.Now().Add(wait))
	if _, err := l.conn.Write(l.format.AppendRequest(nil, request, l.next)); err != nil {
		return nil, nil, err
	}
	if produce, ok := request.(*kmsg.ProduceRequest); ok && produce.Acks == 0 {
		return nil, nil, nil
	}
	var size [4]byte
	if _, err := io.ReadFull(l.conn, size[:]); err != nil {
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			return nil, nil, errSlow
		}
		return nil, nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(l.conn, frame); err != nil {
		return nil, nil, err
	}
	if id := int32(binary.BigEndian.Uint32(frame)); id != l.next {
		return nil, nil, fmt.Errorf("answer %d to request %d", id, l.next)
	}
	response, err := decodeResponse(request, frame)
	return response, frame, err
}

// tally counts what became of requests.
type tally struct {
	sent, answered, closed, slow int
	covered                      map[keyVersion]int // answered
}

func (t *tally) add(o tally) {
	t.sent, t.answered, t.closed, t.slow = t.sent+o.sent, t.answered+o.answered, t.closed+o.closed, t.slow+o.slow
	if t.covered == nil {
		t.covered = map[keyVersion]int{}
	}
	for kv, n := range o.covered {
		t.covered[kv] += n
	}
}

// keyVersion is one version of one API key.
type keyVersion struct{ key, version int16 }

// offered lists what the gateways of the world offer, as they say it themselves.
func (w *world) offered() []keyVersion {
	w.t.Helper()
	l := w.dial(w.intruders[0])
	defer l.conn.Close()
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version, request.ClientSoftwareName, request.ClientSoftwareVersion = 4, "isolation", "1"
	response, _, err := l.exchange(request, patient)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []keyVersion
	for _, k := range response.(*kmsg.ApiVersionsResponse).ApiKeys {
		for v := k.MinVersion; v <= k.MaxVersion; v++ {
			if k.ApiKey != kmsg.Produce.Int16() || v >= 3 {
				all = append(all, keyVersion{k.ApiKey, v})
			}
		}
	}
	return all
}

// attack sends a request of each key and version, in an order and of contents that the seed decides. It ends early
// where enough says so.
func (w *world) attack(who *intruder, seed int64, all []keyVersion, enough func() bool) tally {
	w.t.Helper()
	random := rand.New(rand.NewSource(seed))
	l := who.loot
	own := &l // what it learns stays in this run
	own.topicIDs, own.stolenMembers = slices.Clone(l.topicIDs), slices.Clone(l.stolenMembers)
	g := generator{random, own}
	all = slices.Clone(all)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	conn := w.dial(who)
	defer func() { conn.conn.Close() }()
	done := tally{covered: map[keyVersion]int{}}
	for _, kv := range all {
		if enough != nil && enough() {
			break
		}
		request := g.request(kv.key, kv.version)
		sent := request.AppendTo(nil)
		done.sent++
		response, frame, err := conn.exchange(request, patienceFor(request))
		if frame != nil {
			done.answered++
			done.covered[kv]++
			w.warden.checkAnswer(who.party, request, sent, frame)
		}
		if response != nil && err == nil {
			own.learn(response)
		}
		if err != nil {
			if errors.Is(err, errSlow) {
				done.slow++
			} else {
				done.closed++
			}
			conn.conn.Close()
			conn = w.dial(who)
		}
	}
	return done
}

// patienceFor is how long an answer is waited for; a member that joins or synchronizes waits for others.
func patienceFor(request kmsg.Request) time.Duration {
	switch request.(type) {
	case *kmsg.JoinGroupRequest, *kmsg.SyncGroupRequest:
		return 150 * time.Millisecond
	case *kmsg.FetchRequest, *kmsg.ShareFetchRequest:
		return time.Second
	}
	return 5 * time.Second
}

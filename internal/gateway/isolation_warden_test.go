package gateway_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// warden holds every frame between gateways and brokers, and every answer to a client, against the rules in
// gateway.IsolationRules. It knows from the client id whose frame it is, and knows nothing of how handlers work.
type warden struct {
	// Both are set before anything passes and never changed.
	report func(finding)
	ports  []int32 // of gateways
	// blind is true where what goes to brokers is not looked at.
	blind bool
	// binds is true where the engine compares producer ids with transactional ids itself, as Apache Kafka does: another
	// tenant's then goes to the broker, and what is looked at is that it changes nothing.
	binds bool

	mu        sync.Mutex
	parties   map[string]*party // by client id
	topicIDs  map[[16]byte]*party
	producers map[int64]*party
	names     []string // physical names that a pattern must not match, of the platform and of the victim
}

// party is a tenant as the warden knows it.
type party struct {
	logicalClusterID, clientID, host string
	prefix                           tenancy.Prefix
	// secrets are what none of its answers may hold.
	secrets map[string][]byte
	// thief is true for who may utter what it stole, so that an answer may repeat it.
	thief bool
}

// finding is one breach of a rule.
type finding struct {
	who, where, what string
}

func (f finding) String() string { return fmt.Sprintf("%s, %s: %s", f.who, f.where, f.what) }

func newWarden(report func(finding)) *warden {
	return &warden{
		report: report, parties: map[string]*party{},
		topicIDs: map[[16]byte]*party{}, producers: map[int64]*party{},
		names: []string{"_orrery_tenants", "_orrery_gateways", "__consumer_offsets", "__transaction_state"},
	}
}

func (w *warden) add(p *party) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parties[p.clientID] = p
}

func (w *warden) ownTopic(id [16]byte, p *party, physical string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.topicIDs[id] = p
	w.names = append(w.names, physical)
}

func (w *warden) ownProducer(id int64, p *party) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.producers[id] = p
}

func (w *warden) party(clientID string) *party {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.parties[clientID]
}

// foreignTopic reports whether a topic id is known to be somebody else's.
func (w *warden) foreignTopic(id [16]byte, p *party) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	owner := w.topicIDs[id]
	return owner != nil && owner != p
}

func (w *warden) foreignProducer(id int64, p *party) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	owner := w.producers[id]
	return owner != nil && owner != p
}

// sendsForeignProducer reports whether a producer id may not go to the broker.
func (w *warden) sendsForeignProducer(id int64, p *party) bool {
	return !w.binds && w.foreignProducer(id, p)
}

// watch puts the warden on the gateways' path to a broker.
func (w *warden) watch(dial func(context.Context, int32) (net.Conn, error)) func(context.Context, int32) (net.Conn, error) {
	return func(ctx context.Context, node int32) (net.Conn, error) {
		conn, err := dial(ctx, node)
		if err != nil {
			return nil, err
		}
		return &watchedConn{Conn: conn, warden: w, asked: map[int32]kmsg.Request{}, sessions: map[int32]bool{}}, nil
	}
}

// watchedConn is one client's connection from its gateway to the broker.
type watchedConn struct {
	net.Conn
	warden *warden
	begun  []byte // a frame to the broker, of which the end is still to come; one goroutine writes

	mu       sync.Mutex
	asked    map[int32]kmsg.Request // fetches by correlation id
	sessions map[int32]bool         // that were opened here
	answers  []byte                 // of which the end is still to come
}

// maxWatchedFrame is more than any gateway of the proof sends at once.
const maxWatchedFrame = 32 << 20

// Write takes frames, which a gateway may write in pieces: the records of a large Produce stay where they are.
func (c *watchedConn) Write(b []byte) (int, error) {
	c.begun = append(c.begun, b...)
	for len(c.begun) >= 4 {
		size := 4 + int(binary.BigEndian.Uint32(c.begun))
		if size > maxWatchedFrame {
			c.warden.report(finding{"?", "to the broker", fmt.Sprintf("what is not one whole request: it says that it has %d bytes", size)})
		}
		if len(c.begun) < size {
			break
		}
		c.checkFrame(c.begun[:size:size])
		c.begun = slices.Clone(c.begun[size:]) // what was decoded may point into the frame
	}
	return c.Conn.Write(b)
}

func (c *watchedConn) checkFrame(frame []byte) {
	if request, clientID, err := decodeRequest(frame); err != nil {
		c.warden.report(finding{"?", "to the broker", "what is not one whole request: " + err.Error()})
	} else if p := c.warden.party(clientID); p != nil && !c.warden.blind {
		c.checkRequest(p, request, int32(binary.BigEndian.Uint32(frame[8:])))
	}
}

// Read learns which fetch sessions the broker opened.
func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, b[:n]...)
	for len(c.answers) >= 8 {
		size := 4 + int(binary.BigEndian.Uint32(c.answers))
		if len(c.answers) < size {
			break
		}
		id := int32(binary.BigEndian.Uint32(c.answers[4:]))
		if request := c.asked[id]; request != nil {
			if response, err := decodeResponse(request, c.answers[4:size]); err == nil {
				c.sessions[response.(*kmsg.FetchResponse).SessionID] = true
			}
			delete(c.asked, id)
		}
		c.answers = c.answers[size:]
	}
	return n, err
}

func (c *watchedConn) ownsSession(id int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return id == 0 || c.sessions[id]
}

func (c *watchedConn) checkRequest(p *party, request kmsg.Request, correlationID int32) {
	where := fmt.Sprintf("to the broker in %s version %d", kmsg.NameForKey(request.Key()), request.GetVersion())
	if _, _, offered := gateway.OfferedVersions(request.Key()); !offered {
		c.warden.report(finding{p.logicalClusterID, where, "a key that is not offered"})
	}
	if unknownTags(reflect.ValueOf(request)) > 0 {
		c.warden.report(finding{p.logicalClusterID, where, "a tagged field that no rule knows"})
	}
	if fetch, ok := request.(*kmsg.FetchRequest); ok {
		c.mu.Lock()
		c.asked[correlationID] = fetch
		c.mu.Unlock()
	}
	for _, f := range gateway.IsolationFieldsOf(request.Key(), false) {
		if !f.In(request.GetVersion()) {
			continue
		}
		for _, v := range f.Values(request) {
			if breach := c.breach(p, request, f, v); breach != "" {
				c.warden.report(finding{p.logicalClusterID, where, f.Path + ": " + breach})
			}
		}
	}
}

// breach returns what is wrong about a field of a request that goes to the broker.
func (c *watchedConn) breach(p *party, request kmsg.Request, f gateway.IsolationField, v reflect.Value) string {
	switch rule := gateway.IsolationRules[f.Path]; rule.Kind {
	case gateway.Local:
		return "it ends in the gateway"
	case gateway.Forced:
		return forcedBreach(rule.Of, v)
	case gateway.Own:
		return c.ownershipBreach(p, request, rule.Of, v)
	case gateway.Translate:
		return c.translationBreach(p, request, rule.Of, v)
	case gateway.Filtered:
		if name := strings.Join(texts(v), ""); strings.HasSuffix(f.Path, ".Name") && !tenantConfiguration(name) {
			return fmt.Sprintf("the configuration %.80q", name)
		}
	}
	if strings.HasSuffix(f.Path, "ProduceRequest.Topics.Partitions.Records") {
		if batch := v.Bytes(); len(batch) >= 61 {
			if id := int64(binary.BigEndian.Uint64(batch[43:])); c.warden.sendsForeignProducer(id, p) {
				return fmt.Sprintf("a batch of another tenant's producer %d", id)
			}
		}
	}
	return ""
}

func forcedBreach(to string, v reflect.Value) string {
	switch {
	case to == "-1" && v.Int() != -1, to == "null" && !v.IsNil(), to == "empty" && v.Len() > 0:
		return fmt.Sprintf("%v is not %s", v, to)
	}
	return ""
}

func (c *watchedConn) ownershipBreach(p *party, request kmsg.Request, of string, v reflect.Value) string {
	switch of {
	case "topic id":
		if id := v.Interface().([16]byte); c.warden.foreignTopic(id, p) {
			return fmt.Sprintf("another tenant's topic id %x", id)
		}
	case "producer id":
		if init, ok := request.(*kmsg.InitProducerIDRequest); ok && init.TransactionalID == nil {
			return "" // a new one is given
		}
		if c.warden.sendsForeignProducer(v.Int(), p) {
			return fmt.Sprintf("another tenant's producer %d", v.Int())
		}
	case "fetch session":
		if id := int32(v.Int()); !c.ownsSession(id) {
			return fmt.Sprintf("fetch session %d was not opened on this connection", id)
		}
	}
	return ""
}

func (c *watchedConn) translationBreach(p *party, request kmsg.Request, of string, v reflect.Value) string {
	names := texts(v)
	switch of {
	case "subscription":
		if join, ok := request.(*kmsg.JoinGroupRequest); !ok || join.ProtocolType != tenancy.ConsumerProtocol {
			return ""
		}
		var blob kmsg.ConsumerMemberMetadata
		if err := blob.ReadFrom(v.Bytes()); err != nil {
			return ""
		}
		names = blob.Topics
		for _, owned := range blob.OwnedPartitions {
			names = append(names, owned.Topic)
		}
	case "assignment":
		sync, ok := request.(*kmsg.SyncGroupRequest)
		if !ok || sync.Version < 5 || sync.ProtocolType == nil || *sync.ProtocolType != tenancy.ConsumerProtocol {
			return ""
		}
		var blob kmsg.ConsumerMemberAssignment
		if err := blob.ReadFrom(v.Bytes()); err != nil {
			return ""
		}
		names = nil
		for _, t := range blob.Topics {
			names = append(names, t.Topic)
		}
	case "topic pattern", "transaction pattern":
		return c.patternBreach(p, names)
	}
	for _, name := range names {
		if !p.prefix.Owns(name) {
			return fmt.Sprintf("the name %.80q is not physical", name)
		}
	}
	return ""
}

func (c *watchedConn) patternBreach(p *party, patterns []string) string {
	c.warden.mu.Lock()
	defer c.warden.mu.Unlock()
	for _, pattern := range patterns {
		if pattern == "" {
			continue
		}
		compiled, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return fmt.Sprintf("the pattern %.80q cannot be read: %v", pattern, err)
		}
		for _, name := range c.warden.names {
			if !p.prefix.Owns(name) && compiled.MatchString(name) {
				return fmt.Sprintf("the pattern %.80q matches %q", pattern, name)
			}
		}
	}
	return ""
}

// texts returns the strings in a field.
func texts(v reflect.Value) []string {
	switch {
	case v.Kind() == reflect.String:
		return []string{v.String()}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return texts(v.Elem())
	case v.Type() == reflect.TypeFor[[]string]():
		return slices.Clone(v.Interface().([]string))
	}
	return nil
}

// checkAnswer holds an answer to a client against the rules, and searches its bytes.
func (w *warden) checkAnswer(p *party, request kmsg.Request, sent, frame []byte) {
	where := fmt.Sprintf("from the gateway in %s version %d", kmsg.NameForKey(request.Key()), request.GetVersion())
	for what, secret := range p.secrets {
		if bytes.Contains(frame, secret) {
			w.report(finding{p.logicalClusterID, where, fmt.Sprintf("%s: %q", what, secret)})
		}
	}
	response, err := decodeResponse(request, frame)
	if err != nil {
		if !tooNewApiVersions(request, frame) {
			w.report(finding{p.logicalClusterID, where, "it cannot be decoded: " + err.Error()})
		}
		return
	}
	if unknownTags(reflect.ValueOf(response)) > 0 {
		w.report(finding{p.logicalClusterID, where, "a tagged field that no rule knows"})
	}
	if breach := synonymBreach(response); breach != "" {
		w.report(finding{p.logicalClusterID, where, breach})
	}
	for _, f := range gateway.IsolationFieldsOf(request.Key(), true) {
		if !f.In(response.GetVersion()) {
			continue
		}
		for _, v := range f.Values(response) {
			if breach := w.answerBreach(p, f, v, sent); breach != "" {
				w.report(finding{p.logicalClusterID, where, f.Path + ": " + breach})
			}
		}
	}
}

func tooNewApiVersions(request kmsg.Request, frame []byte) bool {
	return request.Key() == kmsg.ApiVersions.Int16() && len(frame) >= 6 && binary.BigEndian.Uint16(frame[4:]) == 35
}

func (w *warden) answerBreach(p *party, f gateway.IsolationField, v reflect.Value, sent []byte) string {
	switch rule := gateway.IsolationRules[f.Path]; rule.Of {
	case "topic id":
		id := v.Interface().([16]byte)
		if w.foreignTopic(id, p) && !bytes.Contains(sent, id[:]) {
			return fmt.Sprintf("another tenant's topic id %x", id)
		}
	case "address":
		return w.addressBreach(v)
	case "cluster":
		if id := strings.Join(texts(v), ""); id != "" && id != p.logicalClusterID {
			return fmt.Sprintf("the cluster id %q", id)
		}
	case "client host":
		if host := v.String(); host != "" && host != "/"+p.host {
			return fmt.Sprintf("the host %q, and the client's is %s", host, p.host)
		}
	case "configuration":
		if name := strings.Join(texts(v), ""); strings.HasSuffix(f.Path, ".Name") && !tenantConfiguration(name) {
			return fmt.Sprintf("the configuration %q", name)
		}
	case "producer number":
		if w.foreignProducer(v.Int(), p) && !p.thief { // who may have written a batch of a producer that it stole
			return fmt.Sprintf("another tenant's producer %d", v.Int())
		}
	case "broker default":
		if name := strings.Join(texts(v), ""); strings.HasSuffix(f.Path, ".Name") && !tenantConfiguration(name) && !slices.Contains(brokerNames, name) {
			return fmt.Sprintf("the broker's configuration %q", name)
		}
	case "subscription", "assignment", "topic", "group", "transactional id", "coordinator", "resource":
		// Own physical names and others' secrets are in the bytes.
	}
	return ""
}

func (w *warden) addressBreach(v reflect.Value) string {
	if v.Kind() == reflect.String {
		if host := v.String(); host != "" && host != "127.0.0.1" {
			return fmt.Sprintf("the host %q", host)
		}
		return ""
	}
	if port := int32(v.Int()); port > 0 && !slices.Contains(w.ports, port) {
		return fmt.Sprintf("port %d is no gateway's", port)
	}
	return ""
}

// tenantConfiguration reports whether a tenant may know of a configuration.
func tenantConfiguration(name string) bool {
	for _, list := range []tenancy.Configs{tenancy.TopicConfigs, tenancy.GroupConfigs, tenancy.StreamsGroupConfigs} {
		if _, ok := list.Find(name); ok {
			return true
		}
	}
	return slices.Contains([]string{"auto.create.topics.enable", "broker.id", "default.replication.factor", "delete.topic.enable", "message.max.bytes", "num.partitions"}, name)
}

// brokerNames are what brokers call the defaults of topics' configurations; log.dir and the like are not among them.
var brokerNames = []string{
	"log.cleaner.delete.retention.ms", "log.cleaner.max.compaction.lag.ms", "log.cleaner.min.cleanable.ratio", "log.cleaner.min.compaction.lag.ms", "log.cleanup.policy",
	"log.flush.interval.messages", "log.flush.interval.ms", "log.flush.scheduler.interval.ms", "log.index.interval.bytes", "log.index.size.max.bytes",
	"log.message.timestamp.after.max.ms", "log.message.timestamp.before.max.ms", "log.message.timestamp.type", "log.preallocate", "log.retention.bytes",
	"log.retention.hours", "log.retention.minutes", "log.retention.ms", "log.roll.hours", "log.roll.jitter.hours", "log.roll.jitter.ms", "log.roll.ms",
	"log.segment.bytes", "log.segment.delete.delay.ms",
	"group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms", "group.share.heartbeat.interval.ms", "group.share.record.lock.duration.ms", "group.share.session.timeout.ms",
	"group.streams.heartbeat.interval.ms", "group.streams.initial.rebalance.delay.ms", "group.streams.num.standby.replicas", "group.streams.session.timeout.ms",
}

// synonymBreach returns what an answer tells of how the brokers are configured, apart from Kafka's own defaults.
func synonymBreach(response kmsg.Response) string {
	described, ok := response.(*kmsg.DescribeConfigsResponse)
	if !ok {
		return ""
	}
	for _, r := range described.Resources {
		for _, c := range r.Configs {
			for _, s := range c.ConfigSynonyms {
				if !slices.Contains([]kmsg.ConfigSource{kmsg.ConfigSourceDynamicTopicConfig, kmsg.ConfigSourceGroupConfig, kmsg.ConfigSourceDefaultConfig}, s.Source) {
					return fmt.Sprintf("the source %v of %q", s.Source, s.Name)
				}
			}
		}
	}
	return ""
}

// unknownTags counts the tagged fields of a message that kmsg does not know.
func unknownTags(v reflect.Value) (n int) {
	switch {
	case v.Type() == reflect.TypeFor[kmsg.Tags]():
		tags := v.Interface().(kmsg.Tags)
		return tags.Len()
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return unknownTags(v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			n += unknownTags(v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			n += unknownTags(v.Index(i))
		}
	}
	return n
}

// decodeRequest reads a whole frame.
func decodeRequest(frame []byte) (request kmsg.Request, clientID string, err error) {
	r := kbin.Reader{Src: frame}
	if size := r.Int32(); int(size) != len(r.Src) {
		return nil, "", fmt.Errorf("%d bytes that say they are %d", len(r.Src), size)
	}
	key, version := r.Int16(), r.Int16()
	r.Int32()
	id := r.NullableString()
	request = kmsg.RequestForKey(key)
	if request == nil {
		return nil, "", fmt.Errorf("API key %d", key)
	}
	request.SetVersion(version)
	if request.IsFlexible() {
		kmsg.SkipTags(&r)
	}
	if err := r.Complete(); err != nil && len(r.Src) == 0 {
		return nil, "", err
	}
	if id != nil {
		clientID = *id
	}
	return request, clientID, request.ReadFrom(r.Src)
}

// decodeResponse reads a frame without its size.
func decodeResponse(request kmsg.Request, frame []byte) (kmsg.Response, error) {
	r := kbin.Reader{Src: frame}
	r.Int32()
	response := request.ResponseKind()
	if response.IsFlexible() && request.Key() != kmsg.ApiVersions.Int16() {
		kmsg.SkipTags(&r)
	}
	return response, response.ReadFrom(slices.Clone(r.Src))
}

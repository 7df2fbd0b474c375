package gateway

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DeliberateBug is one rule of IsolationRules that is not kept. The proof of isolation has to find it.
type DeliberateBug struct {
	// Name says which rule, of which field.
	Name string
	// Key is the API key in which it is, and Versions those that have the field.
	Key      int16
	Versions []int16

	wrong func(context.Context, *session, kmsg.Request, decide) (step, error)
}

// decide is a handler that is as it should be.
type decide func(context.Context, *session, kmsg.Request) (step, error)

// Install puts a bug into a gateway, and returns what takes it out again, once the clients that came since have
// closed their connections.
func (b DeliberateBug) Install(g *Gateway) (remove func()) {
	sound := g.table.Load()
	buggy := *sound
	entry := tableEntry{
		handler:  handler{key: b.Key, max: slices.Max(b.Versions)},
		requests: prometheus.NewCounter(prometheus.CounterOpts{}), duration: prometheus.NewHistogram(prometheus.HistogramOpts{}),
	}
	if sound.entries[b.Key] != nil {
		entry = *sound.entries[b.Key]
	}
	entry.lane = nil // TestRawLane shows that it does as the handler does
	handle := entry.handle
	entry.handle = func(ctx context.Context, s *session, r kmsg.Request) (step, error) {
		if !s.connection.authenticated {
			return handle(ctx, s, r)
		}
		return b.wrong(ctx, s, r, handle)
	}
	buggy.entries[b.Key] = &entry
	before := g.allConnections()
	g.table.Store(&buggy)
	return func() {
		g.table.Store(sound)
		for c := range g.allConnections() { // what was sent to the buggy handler comes to its end
			if before[c] {
				continue
			}
			select {
			case <-c.done:
			case <-time.After(2 * time.Second): // the victim's own, which stays
			}
		}
		g.topics.forgetAll()
		if err := g.topics.fill(context.Background()); err != nil {
			panic(err)
		}
	}
}

func (x *topicIndex) forgetAll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.names)
}

func (g *Gateway) allConnections() map[*connection]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[*connection]bool{}
	for c := range g.connections {
		all[c] = true
	}
	return all
}

// DeliberateBugs drops each rule of each field of what a gateway offers, one at a time. A stolen id is any that is
// another tenant's.
func DeliberateBugs(g *Gateway, stolen [16]byte) []DeliberateBug {
	var bugs []DeliberateBug
	for _, entry := range g.table.Load().entries {
		if entry == nil {
			continue
		}
		for _, response := range []bool{false, true} {
			for _, f := range IsolationFieldsOf(entry.key, response) {
				b := DeliberateBug{Key: entry.key, Name: fmt.Sprintf("%s is not under the rule %q", f.Path, IsolationRules[f.Path].Kind+" "+IsolationRules[f.Path].Of)}
				if b.wrong = wrongHandler(g, f, stolen); b.wrong == nil {
					continue
				}
				for v := max(entry.min, 0); v <= entry.max; v++ {
					if f.In(v) {
						b.Versions = append(b.Versions, v)
					}
				}
				if len(b.Versions) > 0 {
					bugs = append(bugs, b)
				}
			}
		}
	}
	return append(bugs, wholeBugs(g)...)
}

// wholeBugs are those that are not about one field.
func wholeBugs(g *Gateway) []DeliberateBug {
	var bugs []DeliberateBug
	for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.ListGroups, kmsg.ListTransactions, kmsg.ListConfigResources} {
		entry := g.table.Load().entry(key.Int16())
		b := DeliberateBug{Key: entry.key, Name: key.Name() + " lists what all tenants have", wrong: unfiltered}
		for v := entry.min; v <= entry.max; v++ {
			b.Versions = append(b.Versions, v)
		}
		bugs = append(bugs, b)
	}
	asItIs := func(_ context.Context, _ *session, r kmsg.Request, _ decide) (step, error) {
		return step{forward: r}, nil
	}
	return append(bugs,
		DeliberateBug{Key: kmsg.DescribeLogDirs.Int16(), Versions: []int16{1, 2, 3, 4}, Name: "DescribeLogDirs, a denied key, is offered", wrong: asItIs},
		DeliberateBug{Key: kmsg.DescribeACLs.Int16(), Versions: []int16{1, 2, 3}, Name: "DescribeAcls, a denied key, is offered", wrong: asItIs},
		DeliberateBug{Key: kmsg.DescribeClientQuotas.Int16(), Versions: []int16{0, 1}, Name: "DescribeClientQuotas is offered by the broker", wrong: asItIs},
		DeliberateBug{Key: kmsg.AlterClientQuotas.Int16(), Versions: []int16{0, 1}, Name: "AlterClientQuotas is offered by the broker", wrong: asItIs},
		DeliberateBug{Key: kmsg.DescribeClientQuotas.Int16(), Versions: []int16{0, 1}, Name: "DescribeClientQuotas lists what all tenants have", wrong: everybodysQuotas},
		DeliberateBug{Key: kmsg.ApiVersions.Int16(), Versions: []int16{0, 1, 2, 3, 4}, Name: "ApiVersions is passed to the broker", wrong: asItIs},
	)
}

// DeliberateRuleBugs write ACLs and client quotas into another tenant's, or take them out of there: the key of a record
// in _orrery_acls has the wrong logical cluster. Each name begins with the API.
func DeliberateRuleBugs(other string) []DeliberateBug {
	as := func(s *session) *session {
		foreign := *s
		foreign.LogicalClusterID = other
		return &foreign
	}
	return []DeliberateBug{
		{Key: kmsg.CreateACLs.Int16(), Versions: []int16{1, 2, 3}, Name: "CreateAcls writes for another tenant",
			wrong: func(ctx context.Context, s *session, r kmsg.Request, sound decide) (step, error) {
				var acls []authz.ACL
				for _, c := range r.(*kmsg.CreateACLsRequest).Creations {
					acls = append(acls, aclOfCreation(&c))
				}
				as(s).createACLs(ctx, acls)
				return sound(ctx, s, r)
			}},
		{Key: kmsg.DeleteACLs.Int16(), Versions: []int16{1, 2, 3}, Name: "DeleteAcls deletes another tenant's",
			wrong: func(ctx context.Context, s *session, r kmsg.Request, _ decide) (step, error) {
				return deleteACLsOf(ctx, as(s), r.(*kmsg.DeleteACLsRequest)), nil
			}},
		{Key: kmsg.AlterClientQuotas.Int16(), Versions: []int16{0, 1}, Name: "AlterClientQuotas writes for another tenant",
			wrong: func(ctx context.Context, s *session, r kmsg.Request, sound decide) (step, error) {
				as(s).alterClientQuotas(ctx, r.(*kmsg.AlterClientQuotasRequest))
				return sound(ctx, s, r)
			}},
	}
}

// deleteACLsOf is DeleteAcls without a look at rights, which are another tenant's.
func deleteACLsOf(ctx context.Context, s *session, r *kmsg.DeleteACLsRequest) step {
	response := r.ResponseKind().(*kmsg.DeleteACLsResponse)
	var filters []authz.Filter
	for _, f := range r.Filters {
		filters = append(filters, aclFilter(f.ResourceType, f.ResourceName, f.ResourcePatternType, f.Principal, f.Host, f.Operation, f.PermissionType))
		response.Results = append(response.Results, kmsg.NewDeleteACLsResponseResult())
	}
	s.deleteACLs(ctx, filters, response.Results)
	return answered(response)
}

// everybodysQuotas answers with the client quotas of all tenants.
func everybodysQuotas(ctx context.Context, s *session, r kmsg.Request, sound decide) (step, error) {
	decided, err := sound(ctx, s, r)
	answer := decided.answer.(*kmsg.DescribeClientQuotasResponse)
	st := s.gateway.state.Load()
	for _, tenant := range st.tenants.values() {
		for _, setting := range st.clientQuotasOf(tenant.LogicalClusterID).settings {
			entry := kmsg.NewDescribeClientQuotasResponseEntry()
			for _, n := range setting.Entity.Names() {
				entry.Entity = append(entry.Entity, kmsg.DescribeClientQuotasResponseEntryEntity{Type: n.Type, Name: n.Name})
			}
			answer.Entries = append(answer.Entries, entry)
		}
	}
	return decided, err
}

// unfiltered asks the broker for everybody's and translates the tenant's own names in the list.
func unfiltered(_ context.Context, s *session, r kmsg.Request, _ decide) (step, error) {
	everything := kmsg.RequestForKey(r.Key())
	everything.SetVersion(max(r.GetVersion(), 1))
	return step{forward: everything, finish: func(response kmsg.Response) (kmsg.Response, error) {
		response.SetVersion(r.GetVersion())
		for _, f := range IsolationFieldsOf(r.Key(), true) {
			if IsolationRules[f.Path].Kind == Translate {
				each(f, response, func(v reflect.Value) {
					setTexts(v, func(t string) string { return strings.TrimPrefix(t, string(s.prefix)) })
				})
			}
		}
		return response, nil
	}}, nil
}

func wrongHandler(g *Gateway, f IsolationField, stolen [16]byte) func(context.Context, *session, kmsg.Request, decide) (step, error) {
	rule := IsolationRules[f.Path]
	if f.Response {
		spoil := wrongAnswer(rule, f, stolen)
		if spoil == nil {
			return nil
		}
		return func(ctx context.Context, s *session, r kmsg.Request, sound decide) (step, error) {
			decided, err := sound(ctx, s, r)
			if decided.forward == nil && decided.answer != nil {
				each(f, decided.answer, func(v reflect.Value) { spoil(s, v) })
			}
			finish := decided.finish
			decided.finish = func(response kmsg.Response) (kmsg.Response, error) {
				var err error
				if finish != nil {
					response, err = finish(response)
				}
				each(f, response, func(v reflect.Value) { spoil(s, v) })
				return response, err
			}
			return decided, err
		}
	}
	if rule.Kind == Own {
		if rule.Of == "producer id" && !g.config.EmbeddedEngine {
			return nil // Apache Kafka sees to it (TestForeignProducerIDs)
		}
		return wrongOwnership(rule, f)
	}
	spoil := wrongRequest(rule, f)
	if spoil == nil {
		return nil
	}
	return func(ctx context.Context, s *session, r kmsg.Request, sound decide) (step, error) {
		decided, err := sound(ctx, s, r)
		if decided.forward != nil {
			each(like(f, decided.forward), decided.forward, func(v reflect.Value) { spoil(s, v) })
			place(rule, decided.forward)
		}
		return decided, err
	}
}

// each does something to the values of a field that the message has.
func each(f IsolationField, message kmsgMessage, do func(reflect.Value)) {
	if f.Path == "" || !f.In(message.GetVersion()) {
		return
	}
	for _, v := range f.Values(message) {
		do(v)
	}
}

type kmsgMessage interface{ GetVersion() int16 }

// like is the field of the same name in the message that is sent in a request's place.
func like(f IsolationField, forward kmsg.Request) IsolationField {
	_, path, _ := strings.Cut(f.Path, ".")
	for _, other := range IsolationFieldsOf(forward.Key(), false) {
		if _, same, _ := strings.Cut(other.Path, "."); same == path {
			return other
		}
	}
	return IsolationField{}
}

// wrongRequest undoes a rule in what goes to the broker.
func wrongRequest(rule IsolationRule, f IsolationField) func(*session, reflect.Value) {
	switch {
	case rule.Of == "subscription":
		return func(s *session, v reflect.Value) { setBlob(v, s.prefix.LogicalSubscription) }
	case rule.Of == "assignment":
		return func(s *session, v reflect.Value) { setBlob(v, s.prefix.LogicalAssignment) }
	case strings.HasSuffix(rule.Of, "pattern"):
		return func(_ *session, v reflect.Value) { setTexts(v, func(string) string { return ".*" }) }
	case rule.Kind == Translate:
		return func(s *session, v reflect.Value) {
			setTexts(v, func(t string) string { return strings.TrimPrefix(t, string(s.prefix)) })
		}
	case rule.Of == "-1":
		return func(_ *session, v reflect.Value) { v.SetInt(1) }
	case rule.Of == "null":
		return func(s *session, v reflect.Value) { v.Set(reflect.ValueOf(&s.LogicalClusterID)) }
	case rule.Of == "empty":
		return func(*session, reflect.Value) {}
	case rule.Kind == Filtered && strings.HasSuffix(f.Path, ".Name"):
		return func(_ *session, v reflect.Value) { setTexts(v, func(string) string { return "log.dir" }) }
	}
	return nil
}

// place names brokers where the rule is that none are named.
func place(rule IsolationRule, forward kmsg.Request) {
	if rule.Of != "empty" {
		return
	}
	switch r := forward.(type) {
	case *kmsg.CreateTopicsRequest:
		for i := range r.Topics {
			r.Topics[i].ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{0}}}
		}
	case *kmsg.CreatePartitionsRequest:
		for i := range r.Topics {
			r.Topics[i].Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: []int32{0}}}
		}
	}
}

// wrongOwnership makes everything that a request names the tenant's.
func wrongOwnership(rule IsolationRule, f IsolationField) func(context.Context, *session, kmsg.Request, decide) (step, error) {
	return func(ctx context.Context, s *session, r kmsg.Request, sound decide) (step, error) {
		each(f, r, func(v reflect.Value) {
			switch rule.Of {
			case "topic id":
				s.learnTopic(v.Interface().([16]byte), s.physical("orders"))
			case "producer id":
				if id := reflect.Indirect(reflect.Indirect(reflect.ValueOf(r)).FieldByName("TransactionalID")); id.IsValid() {
					s.learnProducer(s.physical(id.String()), v.Int())
				}
			case "fetch session":
				s.claimFetchSession(int32(v.Int()))
			}
		})
		return sound(ctx, s, r)
	}
}

// claimFetchSession makes a session the connection's.
func (s *session) claimFetchSession(id int32) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.memory.fetchSessions == nil {
		s.memory.fetchSessions = map[int32]fetchSession{}
	}
	if id != 0 {
		s.memory.fetchSessions[id] = fetchSession{s.policy()}
	}
}

// wrongAnswer undoes a rule in what the client gets.
func wrongAnswer(rule IsolationRule, f IsolationField, stolen [16]byte) func(*session, reflect.Value) {
	physical := func(s *session, v reflect.Value) {
		setTexts(v, func(t string) string {
			if t == "" {
				return t
			}
			return s.physical(t)
		})
	}
	switch {
	case rule.Of == "subscription":
		return func(s *session, v reflect.Value) { setBlob(v, s.prefix.PhysicalSubscription) }
	case rule.Of == "assignment":
		return func(s *session, v reflect.Value) { setBlob(v, s.prefix.PhysicalAssignment) }
	case rule.Kind == Translate:
		return physical
	case rule.Of == "topic id":
		return func(_ *session, v reflect.Value) { v.Set(reflect.ValueOf(stolen)) }
	case rule.Of == "address" && strings.HasSuffix(f.Path, "Host"):
		return func(_ *session, v reflect.Value) { v.SetString("10.0.0.9") }
	case rule.Of == "address":
		return func(_ *session, v reflect.Value) { v.SetInt(9092) }
	case rule.Of == "cluster":
		return func(s *session, v reflect.Value) {
			setTexts(v, func(string) string { return s.gateway.config.PhysicalClusterID })
		}
	case rule.Of == "client host":
		return func(_ *session, v reflect.Value) { v.SetString("/127.0.0.1") }
	case rule.Kind == Scrubbed: // as if the broker had quoted a name
		return func(s *session, v reflect.Value) {
			text := "the topic " + s.physical("orders")
			if v.Kind() == reflect.String {
				v.SetString(text)
				return
			}
			v.Set(reflect.ValueOf(&text))
		}
	case rule.Kind == Filtered && strings.HasSuffix(f.Path, ".Name") && rule.Of != "feature":
		return func(_ *session, v reflect.Value) { v.SetString("log.dir") }
	}
	return nil
}

func setTexts(v reflect.Value, change func(string) string) {
	switch {
	case v.Kind() == reflect.String:
		v.SetString(change(v.String()))
	case v.Kind() == reflect.Pointer && !v.IsNil():
		text := change(v.Elem().String())
		v.Set(reflect.ValueOf(&text))
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			setTexts(v.Index(i), change)
		}
	}
}

func setBlob(v reflect.Value, change func([]byte) ([]byte, error)) {
	if blob, err := change(v.Bytes()); err == nil {
		v.SetBytes(blob)
	}
}

package operator_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/operator"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const older, newer = "4.2.1", "4.3.1"

func spec(brokers int, gateways bool) orrery.PSCSpec {
	return orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: "AWS", Region: "us-east-1", Profile: "kafka-1",
		Engine: orrery.EngineEmbedded, Version: "test", Brokers: brokers, Gateways: gateways, StorageBytes: 1 << 30,
	}
}

// apache is a spec of Apache Kafka.
func apache(brokers int) orrery.PSCSpec {
	s := spec(brokers, true)
	s.Engine, s.Version = orrery.EngineApache, newer
	s.Configuration = map[string]string{"min.insync.replicas": "2", "default.replication.factor": "3", "queued.max.requests": "500"}
	return s
}

// model is a physical cluster as the ports' comments say that one behaves: what the decisions are tried against.
type model struct {
	*testing.T
	r          *rand.Rand
	now        time.Time
	o          substrate.Observed
	view       operator.View
	partitions []brokers.Partition
	minInSync  int
	// voters and disks are directory ids: those that vote, and those that nodes have now.
	voters, disks map[int32]string
	made          int
	leader        int32
	registered    map[int32]bool
	behind        map[int32]int // ticks until a node has caught up
	finalized     map[string]int16
	settings      map[string]string
	throttle      int64
	moving        map[int][]int32
	// broken are versions with which no broker starts.
	broken map[string]bool
	taken  []string
}

// newModel is a cluster that runs as a spec says, with partitions of three replicas.
func newModel(t *testing.T, seed uint64, s orrery.PSCSpec, partitions int) *model {
	m := &model{
		T: t, r: rand.New(rand.NewPCG(seed, 1)), now: epoch, minInSync: 2, leader: -1,
		voters: map[int32]string{}, disks: map[int32]string{}, registered: map[int32]bool{}, behind: map[int32]int{},
		settings: map[string]string{}, moving: map[int][]int32{}, broken: map[string]bool{}, finalized: profile.FeatureLevels(s.Version),
	}
	m.apply(operator.Action{Action: substrate.Action{Verb: substrate.Create, Spec: s}})
	for _, b := range m.nodes() {
		m.started(b, s)
		m.running(b)
	}
	m.view.StateTopics = true
	for i := range m.o.Gateways {
		m.o.Gateways[i] = substrate.Gateway{Node: m.o.Gateways[i].Node, Running: true, Serving: true}
	}
	m.o.Balancer.Running = true
	m.o.CertificateIssued, m.o.CertificateExpires = epoch, epoch.Add(10_000*time.Hour)
	for i := range partitions {
		p := brokers.Partition{Topic: fmt.Sprintf("t%03d", i/6), Number: int32(i % 6)}
		for j := range min(3, s.Brokers) {
			p.Replicas = append(p.Replicas, int32((i+j)%s.Brokers))
		}
		p.InSync = slices.Clone(p.Replicas)
		p.Leader = p.Replicas[0]
		m.partitions = append(m.partitions, p)
	}
	m.elect()
	return m
}

func (m *model) nodes() (all []*substrate.Broker) {
	for i := range m.o.Brokers {
		all = append(all, &m.o.Brokers[i])
	}
	for i := range m.o.Controllers {
		all = append(all, &m.o.Controllers[i])
	}
	return all
}

func (m *model) node(id int32) *substrate.Broker {
	for _, b := range m.nodes() {
		if b.Node == id {
			return b
		}
	}
	m.Fatalf("there is no node %d; taken %v", id, m.taken)
	return nil
}

func (m *model) up(id int32) bool {
	for _, b := range m.nodes() {
		if b.Node == id {
			return b.Running
		}
	}
	return false
}

func (m *model) disk(id int32) {
	m.made++
	m.disks[id] = fmt.Sprintf("disk-%d-%d", id, m.made)
}

func (m *model) started(b *substrate.Broker, s orrery.PSCSpec) {
	b.Running, b.Starting, b.Message = false, true, ""
	if s.Engine == orrery.EngineApache {
		b.Version, b.Configuration = s.Version, maps.Clone(s.Configuration)
	}
}

func (m *model) running(b *substrate.Broker) {
	b.Starting, b.Running = false, true
	m.registered[b.Node] = true
}

func (m *model) stopped(b *substrate.Broker, why string) {
	b.Running, b.Starting, b.Stopping, b.Message = false, false, false, why
	m.leaves(b.Node)
	for i := range m.o.Gateways {
		if g := &m.o.Gateways[i]; g.Node == b.Node {
			g.Running, g.Serving, g.Message = false, false, "its broker does not run"
		}
	}
}

// leaves takes a node out of sync; the last replica that is in sync stays what it is, without a leader.
func (m *model) leaves(id int32) {
	m.behind[id] = 1 + m.r.IntN(3)
	for i := range m.partitions {
		p := &m.partitions[i]
		if len(p.InSync) > 1 {
			p.InSync = slices.DeleteFunc(p.InSync, func(n int32) bool { return n == id })
		}
	}
	m.elect()
}

// elect gives partitions and quorum a leader where theirs is gone.
func (m *model) elect() {
	for i := range m.partitions {
		p := &m.partitions[i]
		if p.Leader >= 0 && m.up(p.Leader) && slices.Contains(p.InSync, p.Leader) {
			continue
		}
		p.Leader = -1
		for _, id := range p.Replicas {
			if m.up(id) && slices.Contains(p.InSync, id) {
				p.Leader = id
				break
			}
		}
	}
	alive := m.aliveVoters()
	switch {
	case 2*len(alive) <= len(m.voters):
		m.leader = -1
	case !slices.Contains(alive, m.leader):
		m.leader = alive[m.r.IntN(len(alive))]
	}
}

// aliveVoters are the voters that run with the disk that votes.
func (m *model) aliveVoters() (alive []int32) {
	for _, id := range slices.Sorted(maps.Keys(m.voters)) {
		if m.up(id) && m.disks[id] == m.voters[id] {
			alive = append(alive, id)
		}
	}
	return alive
}

// look is what the operator would be told at this moment.
func (m *model) look() operator.View {
	v := m.view
	v.Kafka, v.Partitions, v.Settings, v.Features = nil, nil, nil, nil
	if !slices.ContainsFunc(m.o.Brokers, func(b substrate.Broker) bool { return b.Running }) {
		v.Unknown = "no broker runs"
		return v
	}
	k := m.kafka()
	v.Kafka, v.Partitions, v.Settings = &k, slices.Clone(m.partitions), maps.Clone(m.settings)
	if v.Partitions == nil {
		v.Partitions = []brokers.Partition{}
	}
	for _, name := range slices.Sorted(maps.Keys(m.finalized)) {
		supported := profile.FeatureLevels(newer)[name]
		for _, b := range m.o.Brokers {
			if levels := profile.FeatureLevels(b.Version); b.Running && levels != nil {
				supported = min(supported, levels[name])
			}
		}
		v.Features = append(v.Features, brokers.Feature{Name: name, Finalized: m.finalized[name], Max: supported})
	}
	return v
}

func (m *model) kafka() brokers.View {
	k := brokers.View{Controller: m.leader, Reassigning: len(m.moving), Throttle: m.throttle, At: m.now, Quorum: brokers.Quorum{Leader: m.leader}}
	for _, id := range slices.Sorted(maps.Keys(m.registered)) {
		k.Nodes = append(k.Nodes, brokers.NodeView{Node: id, Alive: m.up(id)})
	}
	k.Assess(m.partitions, func(string) int { return m.minInSync })
	if m.leader < 0 {
		k.Reassigning = -1
		return k
	}
	for _, id := range slices.Sorted(maps.Keys(m.voters)) {
		v := brokers.QuorumReplica{Node: id, Directory: m.voters[id]}
		if m.up(id) && m.disks[id] == m.voters[id] && m.behind[id] == 0 {
			v.CaughtUp = m.now
		}
		k.Quorum.Voters = append(k.Quorum.Voters, v)
	}
	for _, b := range m.nodes() {
		if m.voters[b.Node] == m.disks[b.Node] || !b.Running {
			continue
		}
		o := brokers.QuorumReplica{Node: b.Node, Directory: m.disks[b.Node]}
		if m.behind[b.Node] == 0 {
			o.CaughtUp = m.now
		}
		k.Quorum.Observers = append(k.Quorum.Observers, o)
	}
	return k
}

// tick lets a second pass: what is under way gets on, some of it.
func (m *model) tick() {
	m.now = m.now.Add(time.Second)
	for _, b := range m.nodes() {
		slow := m.r.IntN(2) == 0
		switch {
		case b.Starting && m.broken[b.Version]:
			m.stopped(b, "it ended with status 1")
		case b.Starting && !slow:
			m.running(b)
		case b.Stopping && !slow:
			m.stopped(b, "it was stopped")
		case b.Running && m.behind[b.Node] > 0:
			m.behind[b.Node]--
		}
		if b.Running && m.behind[b.Node] == 0 {
			m.joins(b.Node)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(m.moving)) {
		to := m.moving[i]
		if m.r.IntN(2) > 0 || slices.ContainsFunc(to, func(id int32) bool { return !m.up(id) }) {
			continue
		}
		m.partitions[i].Replicas, m.partitions[i].InSync = to, slices.Clone(to)
		m.partitions[i].Adding, m.partitions[i].Removing = nil, nil
		delete(m.moving, i)
	}
	m.elect()
}

func (m *model) joins(id int32) {
	for i := range m.partitions {
		p := &m.partitions[i]
		if slices.Contains(p.Replicas, id) && !slices.Contains(p.InSync, id) && !slices.Contains(p.Adding, id) && p.Leader >= 0 {
			p.InSync = append(p.InSync, id)
		}
	}
}

// apply does what an action says.
func (m *model) apply(a operator.Action) {
	m.taken = append(m.taken, fmt.Sprintf("%s/%d", a.Verb, a.Node))
	switch a.Verb {
	case substrate.Create:
		m.create(a.Spec)
	case substrate.StartBroker:
		if b := m.node(a.Node); b.Lost {
			m.Fatalf("a broker is started without its storage: %v", m.taken)
		} else if a.Spec.Engine == orrery.EngineApache {
			m.started(b, a.Spec)
		} else {
			m.running(b)
		}
	case substrate.StopBroker:
		b := m.node(a.Node)
		b.Running, b.Starting, b.Stopping = false, false, true
		m.leaves(a.Node)
	case substrate.StartGateway:
		for i := range m.o.Gateways {
			if g := &m.o.Gateways[i]; g.Node == a.Node {
				*g = substrate.Gateway{Node: a.Node, Running: true, Serving: true}
			}
		}
	case substrate.StartBalancer:
		m.o.Balancer = substrate.Balancer{Running: true}
	case substrate.RenewCertificate:
		m.o.CertificateIssued, m.o.CertificateExpires = m.now, m.now.Add(90*24*time.Hour)
	case substrate.RenewBrokerCertificate:
		b := m.node(a.Node)
		b.CertificateIssued, b.CertificateExpires = m.now, m.now.Add(90*24*time.Hour)
	case substrate.Configure:
		m.o.Spec = a.Spec
	case substrate.AddBroker:
		m.o.Brokers = append(m.o.Brokers, substrate.Broker{Node: a.Node, Message: "new"})
		m.o.Gateways = append(m.o.Gateways, substrate.Gateway{Node: a.Node, Message: "new"})
		m.disk(a.Node)
	case substrate.RemoveBroker:
		m.o.Brokers, m.o.Gateways = m.o.Brokers[:a.Node], m.o.Gateways[:a.Node]
		delete(m.registered, a.Node)
	case substrate.ReplaceStorage:
		m.node(a.Node).Lost = false
		m.disk(a.Node)
	case substrate.Delete:
		m.o, m.view = substrate.Observed{}, operator.View{}
	default:
		m.applyKafka(a)
	}
}

func (m *model) create(s orrery.PSCSpec) {
	m.o = substrate.Observed{Created: true, Spec: s}
	for id := range int32(s.Brokers) {
		m.o.Brokers = append(m.o.Brokers, substrate.Broker{Node: id, Message: "new"})
		if s.Gateways {
			m.o.Gateways = append(m.o.Gateways, substrate.Gateway{Node: id, Message: "new"})
		}
		if m.disk(id); s.Controllers == 0 && int(id) < min(3, s.Brokers-(s.Brokers+1)%2) {
			m.voters[id] = m.disks[id]
		}
	}
	for i := range int32(s.Controllers) {
		id := orrery.FirstController + i
		m.o.Controllers = append(m.o.Controllers, substrate.Broker{Node: id, Message: "new"})
		m.disk(id)
		m.voters[id] = m.disks[id]
	}
}

func (m *model) applyKafka(a operator.Action) {
	switch a.Verb {
	case substrate.PrepareStateTopics:
		m.view.StateTopics = true
	case operator.AlterConfiguration:
		for name, value := range a.Changes {
			if value == nil {
				delete(m.settings, name)
			} else {
				m.settings[name] = *value
			}
		}
	case operator.Reassign:
		m.throttle = a.BytesPerSecond
		for _, move := range a.Moves {
			m.reassign(move)
		}
	case operator.EndReassignment:
		m.throttle = 0
	case operator.ElectLeaders:
		for i := range m.partitions {
			if p := &m.partitions[i]; slices.Contains(p.InSync, p.Replicas[0]) && m.up(p.Replicas[0]) {
				p.Leader = p.Replicas[0]
			}
		}
	case operator.FinalizeFeatures:
		maps.Copy(m.finalized, a.Levels)
	case operator.RemoveVoter:
		if m.voters[a.Node] == a.Directory {
			delete(m.voters, a.Node)
		}
		m.elect()
	case operator.AddVoter:
		m.voters[a.Node] = a.Directory
	default:
		m.Fatalf("the model does not know the action %s", a.Verb)
	}
}

func (m *model) reassign(move brokers.Move) {
	for i := range m.partitions {
		p := &m.partitions[i]
		if p.Topic != move.Topic || p.Number != move.Number {
			continue
		}
		if len(move.Replicas) != len(p.Replicas) {
			m.Fatalf("%s-%d goes from replicas %v to %v", p.Topic, p.Number, p.Replicas, move.Replicas)
		}
		for _, id := range move.Replicas {
			if !slices.Contains(p.Replicas, id) {
				p.Adding = append(p.Adding, id)
			}
		}
		for _, id := range p.Replicas {
			if !slices.Contains(move.Replicas, id) {
				p.Removing = append(p.Removing, id)
			}
		}
		p.Replicas = append(slices.Clone(p.Replicas), p.Adding...)
		m.moving[i] = slices.Clone(move.Replicas)
	}
}

// check fails where an action would do what must never be done.
func (m *model) check(a operator.Action) {
	m.Helper()
	if a.Reason == "" {
		m.Errorf("%s has no reason", a.Verb)
	}
	k := m.kafka()
	switch a.Verb {
	case substrate.StopBroker:
		m.checkStop(a, k)
	case substrate.StartGateway:
		if !m.up(a.Node) || !m.view.StateTopics {
			m.Errorf("gateway %d is started without its broker or without the state topics", a.Node)
		}
	case substrate.RemoveBroker:
		if n, _ := k.Node(a.Node); n.Replicas > 0 || m.up(a.Node) || a.Proof == "" {
			m.Errorf("broker %d is removed with %d replicas, running %v, proof %q", a.Node, n.Replicas, m.up(a.Node), a.Proof)
		}
	case substrate.ReplaceStorage:
		for _, p := range m.partitions {
			others := slices.DeleteFunc(slices.Clone(p.InSync), func(id int32) bool { return id == a.Node || !m.up(id) })
			if slices.Contains(p.Replicas, a.Node) && len(others) == 0 {
				m.Errorf("the storage of broker %d is replaced, and %s-%d is nowhere else", a.Node, p.Topic, p.Number)
			}
		}
		if m.up(a.Node) || a.Proof == "" {
			m.Errorf("the storage of broker %d is replaced while it runs (%v), or without proof (%q)", a.Node, m.up(a.Node), a.Proof)
		}
	case operator.RemoveVoter:
		left := slices.DeleteFunc(m.aliveVoters(), func(id int32) bool { return id == a.Node })
		if 2*len(left) <= len(m.voters)-1 {
			m.Errorf("voter %d is removed, and of %v only %v are left", a.Node, m.voters, left)
		}
	case operator.FinalizeFeatures:
		if m.now.Sub(m.view.Healthy) < profile.Bake(m.o.Spec) || m.view.Healthy.IsZero() {
			m.Errorf("features are finalised at %s, healthy since %s", m.now, m.view.Healthy)
		}
	case substrate.Delete:
		if a.Proof == "" {
			m.Error("it is deleted without proof")
		}
	}
}

// checkStop: one at a time, nothing below min.insync.replicas, what is out of sync first, the controllers' leader last.
func (m *model) checkStop(a operator.Action, k brokers.View) {
	m.Helper()
	for _, b := range m.nodes() {
		if b.Node != a.Node && !b.Running {
			m.Errorf("node %d is stopped on purpose while %d does not run", a.Node, b.Node)
		}
	}
	if !m.up(a.Node) || len(m.nodes()) == 1 {
		return // it was starting; or it is all that there is
	}
	self, _ := k.Node(a.Node)
	if self.Critical > 0 {
		m.Errorf("broker %d is stopped although %d partitions cannot do without it", a.Node, self.Critical)
	}
	if k.UnderReplicatedPartitions > 0 && self.OutOfSync == 0 {
		m.Errorf("broker %d is stopped while %d partitions lack a replica elsewhere", a.Node, k.UnderReplicatedPartitions)
	}
	if _, votes := m.voters[a.Node]; votes && len(m.voters) > 1 {
		left := 0
		for _, v := range k.Quorum.Voters {
			if v.Node != a.Node && v.IsCaughtUp(k.At) {
				left++
			}
		}
		if left < len(m.voters)-1 || 2*left <= len(m.voters) {
			m.Errorf("voter %d is stopped, and %d of the other %d are caught up", a.Node, left, len(m.voters)-1)
		}
	}
}

// step takes one look and carries out the first action, as the operator does. Every action of a plan must be safe.
func (m *model) step(desired operator.Desired) (operator.Plan, bool) {
	m.Helper()
	plan := operator.Diff(desired, m.o, m.look(), m.now)
	for _, a := range plan.Actions {
		m.check(a)
	}
	if len(plan.Actions) == 0 {
		return plan, false
	}
	m.apply(plan.Actions[0])
	return plan, true
}

// converge steps until nothing is left to do or to wait for.
func (m *model) converge(what string, desired operator.Desired, most int) {
	m.Helper()
	for range most {
		plan, acted := m.step(desired)
		if m.Failed() {
			m.Fatalf("%s: %v", what, m.taken)
		}
		if k := m.kafka(); !m.o.Created || !acted && len(plan.Waits) == 0 && k.UnderReplicatedPartitions+k.OfflinePartitions+k.Reassigning == 0 {
			return
		}
		if !acted || m.r.IntN(2) == 0 {
			m.tick()
		}
	}
	plan := operator.Diff(desired, m.o, m.look(), m.now)
	m.Fatalf("%s: it does not converge after %d steps: %v, plan %+v", what, most, m.taken[max(0, len(m.taken)-60):], plan)
}

package mem

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
)

// SetMinInSync sets the min.insync.replicas of a topic that there is. It begins as one less than it has replicas.
func (b *Brokers) SetMinInSync(topic string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics[topic].minInSync = n
}

// SetInSync sets which replicas of a partition that there is are in sync.
func (b *Brokers) SetInSync(topic string, number int32, nodes ...int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &b.topics[topic].partitions[number]
	p.InSync = slices.Clone(nodes)
	b.lead(p)
}

// SetReplicas sets who has a partition that there is, all in sync, the first as its leader.
func (b *Brokers) SetReplicas(topic string, number int32, nodes ...int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &b.topics[topic].partitions[number]
	p.Replicas, p.InSync, p.Adding, p.Removing, p.Leader = slices.Clone(nodes), slices.Clone(nodes), nil, nil, -1
	b.lead(p)
}

// FinishMoves copies what the moves of at most that many partitions need, where the brokers are alive, and returns how
// many are still being moved.
func (b *Brokers) FinishMoves(most int) (left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(b.topics)) {
		for i := range b.topics[name].partitions {
			p := &b.topics[name].partitions[i]
			if len(p.Adding) == 0 {
				continue
			}
			if most > 0 {
				most--
				for _, id := range slices.Clone(p.Adding) {
					if n := b.nodes[id]; n != nil && n.alive {
						b.copy(p, id)
					}
				}
			}
			if len(p.Adding) > 0 {
				left++
			}
		}
	}
	return left
}

func (b *Brokers) eachPartition(do func(p *brokers.Partition)) {
	for _, name := range slices.Sorted(maps.Keys(b.topics)) {
		for i := range b.topics[name].partitions {
			do(&b.topics[name].partitions[i])
		}
	}
}

// addTopic makes a topic, with three replicas of each partition where so many brokers are alive.
func (b *Brokers) addTopic(name string, partitions int) {
	alive := b.alive()
	if len(alive) == 0 {
		panic("mem: no broker is alive that could have the topic " + name)
	}
	b.made++
	t := &topic{made: b.made, partitions: make([]brokers.Partition, partitions)}
	replicas := min(3, len(alive))
	t.minInSync = max(1, replicas-1)
	for i := range t.partitions {
		p := brokers.Partition{Topic: name, Number: int32(i), Leader: -1}
		for r := range replicas {
			p.Replicas = append(p.Replicas, alive[(b.made+i+r)%len(alive)])
		}
		p.InSync = slices.Clone(p.Replicas)
		b.lead(&p)
		t.partitions[i] = p
	}
	b.topics[name] = t
}

// alive are the brokers that are, sorted.
func (b *Brokers) alive() []int32 {
	var alive []int32
	for _, id := range slices.Sorted(maps.Keys(b.nodes)) {
		if n := b.nodes[id]; n.registered && n.alive {
			alive = append(alive, id)
		}
	}
	return alive
}

// lead has a partition led by a replica that is alive and in sync: the one that does, or the first.
func (b *Brokers) lead(p *brokers.Partition) {
	able := func(id int32) bool {
		n := b.nodes[id]
		return n != nil && n.alive && slices.Contains(p.InSync, id)
	}
	if p.Leader >= 0 && able(p.Leader) {
		return
	}
	p.Leader = -1
	if i := slices.IndexFunc(p.Replicas, able); i >= 0 {
		p.Leader = p.Replicas[i]
	}
}

// copy brings one replica in sync, where there is a leader to copy from, and ends the move that has all it needs.
func (b *Brokers) copy(p *brokers.Partition, id int32) {
	if !slices.Contains(p.Replicas, id) || p.Leader < 0 {
		return
	}
	if !slices.Contains(p.InSync, id) {
		p.InSync = append(p.InSync, id)
	}
	if p.Adding = without(p.Adding, id); len(p.Adding) == 0 {
		b.finish(p)
	}
}

// finish takes away the replicas that a move removes.
func (b *Brokers) finish(p *brokers.Partition) {
	for _, id := range p.Removing {
		p.Replicas, p.InSync = without(p.Replicas, id), without(p.InSync, id)
	}
	p.Adding, p.Removing = nil, nil
	b.lead(p)
}

func without(nodes []int32, id int32) []int32 {
	return slices.DeleteFunc(slices.Clone(nodes), func(n int32) bool { return n == id })
}

// partitions returns all of them, sorted. The first of a topic has all its data.
func (b *Brokers) partitions() []brokers.Partition {
	var all []brokers.Partition
	for _, name := range slices.Sorted(maps.Keys(b.topics)) {
		if brokers.IsProbe(name) {
			continue
		}
		t := b.topics[name]
		for i, p := range t.partitions {
			p.Replicas, p.InSync = slices.Clone(p.Replicas), slices.Clone(p.InSync)
			p.Adding, p.Removing = slices.Clone(p.Adding), slices.Clone(p.Removing)
			for _, id := range p.Replicas {
				size := int64(0)
				switch n := b.nodes[id]; {
				case n == nil || !n.alive:
					size = -1
				case i == 0 && slices.Contains(p.InSync, id):
					size = t.bytes
				}
				p.Sizes = append(p.Sizes, size)
			}
			all = append(all, p)
		}
	}
	return all
}

// View returns what the nodes and partitions are now.
func (s *session) View(ctx context.Context) (brokers.View, error) {
	err := s.begin(ctx, "viewing it")
	defer s.b.mu.Unlock()
	if err != nil {
		return brokers.View{}, err
	}
	return s.b.view(), nil
}

// Partitions returns all partitions.
func (s *session) Partitions(ctx context.Context) ([]brokers.Partition, error) {
	err := s.begin(ctx, "listing the partitions")
	defer s.b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.b.partitions(), nil
}

// Reassign begins moves, which last until CatchUp or FinishMoves. All of them are refused where one is.
func (s *session) Reassign(ctx context.Context, moves []brokers.Move, bytesPerSecond int64) error {
	if err := brokers.CheckReassignment(moves, bytesPerSecond); err != nil {
		return err
	}
	err := s.command(ctx, "moving partitions")
	defer s.b.mu.Unlock()
	if err != nil {
		return err
	}
	for _, m := range moves {
		if t := s.b.topics[m.Topic]; t == nil || m.Number < 0 || int(m.Number) >= len(t.partitions) {
			return orrery.Errorf(orrery.Invalid, "there is no partition %s-%d", m.Topic, m.Number)
		}
		for _, id := range m.Replicas {
			if n := s.b.nodes[id]; n == nil || !n.registered {
				return orrery.Errorf(orrery.Invalid, "%s-%d cannot be on broker %d, which is not registered", m.Topic, m.Number, id)
			}
		}
	}
	s.b.throttle = bytesPerSecond
	for _, m := range moves {
		s.b.move(&s.b.topics[m.Topic].partitions[m.Number], m.Replicas)
	}
	return nil
}

func (b *Brokers) move(p *brokers.Partition, target []int32) {
	var before []int32 // the replicas without this and any earlier move
	for _, id := range p.Replicas {
		if !slices.Contains(p.Adding, id) {
			before = append(before, id)
		}
	}
	if len(target) == 0 {
		target = before
	}
	p.Replicas, p.Adding, p.Removing = slices.Clone(target), nil, nil
	for _, id := range target {
		if !slices.Contains(before, id) && !slices.Contains(p.InSync, id) {
			p.Adding = append(p.Adding, id)
		}
	}
	for _, id := range before {
		if !slices.Contains(target, id) {
			p.Removing, p.Replicas = append(p.Removing, id), append(p.Replicas, id)
		}
	}
	p.InSync = slices.DeleteFunc(p.InSync, func(id int32) bool { return !slices.Contains(p.Replicas, id) })
	if len(p.Adding) == 0 {
		b.finish(p)
	}
	b.lead(p)
}

// EndReassignment takes the throttle away once no partition is moved.
func (s *session) EndReassignment(ctx context.Context) (left int, err error) {
	err = s.command(ctx, "ending the reassignment")
	defer s.b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	s.b.eachPartition(func(p *brokers.Partition) {
		if len(p.Adding)+len(p.Removing) > 0 {
			left++
		}
	})
	if left == 0 {
		s.b.throttle = 0
	}
	return left, nil
}

// ElectPreferredLeaders has the first replicas lead.
func (s *session) ElectPreferredLeaders(ctx context.Context) (left int, err error) {
	err = s.command(ctx, "electing preferred leaders")
	defer s.b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	elected := 0
	s.b.eachPartition(func(p *brokers.Partition) {
		preferred := p.Replicas[0]
		n := s.b.nodes[preferred]
		if p.Leader == preferred || n == nil || !n.alive || !slices.Contains(p.InSync, preferred) {
			return
		}
		if elected == brokers.MostMoves {
			left++
			return
		}
		elected++
		p.Leader = preferred
	})
	return left, nil
}

// command begins a call that needs a controller.
func (s *session) command(ctx context.Context, what string) error {
	err := s.begin(ctx, what)
	if err == nil && s.b.quorum.Leader < 0 {
		return orrery.Errorf(orrery.Unavailable, "cluster %s: %s: no controller leads the quorum", s.b.id, what)
	}
	return err
}

// Unregister forgets a broker.
func (s *session) Unregister(ctx context.Context, id int32) error {
	err := s.command(ctx, "unregistering a broker")
	defer s.b.mu.Unlock()
	if err != nil {
		return err
	}
	view := s.b.view()
	if n, ok := view.Node(id); ok {
		if err := n.CheckRemoval(); err != nil {
			return err
		}
		s.b.nodes[id].registered = false
	}
	return nil
}

// RemoveVoter takes a controller out of the quorum.
func (s *session) RemoveVoter(ctx context.Context, id int32, directory string) error {
	err := s.command(ctx, "removing a voter")
	defer s.b.mu.Unlock()
	if err != nil {
		return err
	}
	quorum := s.b.describe()
	replica, voter, _ := quorum.Replica(id, directory)
	if !voter {
		return nil
	}
	if err := quorum.CheckRemoval(replica, s.b.now()); err != nil {
		return err
	}
	same := func(r brokers.QuorumReplica) bool { return r.Node == id && r.Directory == directory }
	s.b.quorum.Voters = slices.DeleteFunc(s.b.quorum.Voters, same)
	if s.b.holds(replica) {
		s.b.quorum.Observers = append(s.b.quorum.Observers, brokers.QuorumReplica{Node: id, Directory: directory})
		sortReplicas(s.b.quorum.Observers)
	}
	s.b.elect()
	return nil
}

// AddVoter makes an observer a voter.
func (s *session) AddVoter(ctx context.Context, id int32, directory string) error {
	err := s.command(ctx, "adding a voter")
	defer s.b.mu.Unlock()
	if err != nil {
		return err
	}
	already, err := s.b.describe().CheckAddition(id, directory)
	if err != nil || already {
		return err
	}
	if n := s.b.nodes[id]; !n.alive {
		return orrery.Errorf(orrery.Unavailable, "node %d does not run", id)
	}
	same := func(r brokers.QuorumReplica) bool { return r.Node == id && r.Directory == directory }
	s.b.quorum.Observers = slices.DeleteFunc(s.b.quorum.Observers, same)
	s.b.quorum.Voters = append(s.b.quorum.Voters, brokers.QuorumReplica{Node: id, Directory: directory})
	slices.SortFunc(s.b.quorum.Voters, func(a, b brokers.QuorumReplica) int { return cmp.Compare(a.Node, b.Node) })
	return nil
}

package operator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// restart stops one node that has to be started anew, if one may be stopped now.
func (l *look) restart() {
	due := l.due()
	if len(due) == 0 {
		return
	}
	held := ""
	for _, d := range due {
		if d.node == l.controllerLeader() && len(due) > 1 {
			break // the others come first
		}
		why := l.mayGoDown(d.node)
		if why == "" {
			l.act(substrate.StopBroker, d.node, "%s has to be restarted: %s", nodeName(d.node), d.why)
			return
		}
		if held == "" {
			held = why
		}
	}
	next := due[0]
	l.wait(Wait{What: waitRestart, Node: next.node, Owner: "Kafka", Patience: restartPatience},
		"%d of %d nodes are still to be restarted; %s is next (%s) and waits: %s", len(due), len(l.nodes), nodeName(next.node), next.why, held)
}

// restartDue is a running node that has to be restarted, with why.
type restartDue struct {
	node int32
	why  string
}

// due returns the nodes that have to be restarted, in their order: first what is out of sync already, then controllers
// that are nothing else, and last who leads the controllers.
func (l *look) due() (due []restartDue) {
	for _, b := range l.nodes {
		if !b.Running || l.leaving(b.Node) {
			continue
		}
		if why := cmp.Or(l.cure(b.Node), l.change(b)); why != "" {
			due = append(due, restartDue{b.Node, why})
		}
	}
	slices.SortStableFunc(due, func(a, b restartDue) int { return cmp.Compare(l.rank(a.node), l.rank(b.node)) })
	return due
}

func (l *look) rank(node int32) int {
	switch {
	case node == l.controllerLeader():
		return 3
	case l.outOfSync(node) > 0 || l.cure(node) != "":
		return 0
	case node >= orrery.FirstController:
		return 1
	}
	return 2
}

func (l *look) controllerLeader() int32 {
	if l.view.Kafka == nil {
		return -1
	}
	return l.view.Kafka.Quorum.Leader
}

func (l *look) outOfSync(node int32) int {
	if l.view.Kafka == nil {
		return 0
	}
	n, _ := l.view.Kafka.Node(node)
	return n.OutOfSync
}

// change says why a node does not run as it should; "" where it does, or on an engine that has one way to run.
func (l *look) change(b substrate.Broker) string {
	var why []string
	if b.Version == "" {
		return ""
	}
	if b.Version != l.target.Version {
		why = append(why, fmt.Sprintf("for version %s, it has %s", l.target.Version, b.Version))
	}
	if names := needRestart(b.Configuration, l.target.Configuration); len(names) > 0 {
		why = append(why, "for a change of "+strings.Join(names, ", "))
	}
	return strings.Join(why, ", and ")
}

// mayGoDown returns "" where a node may be stopped on purpose now, and else what speaks against it:
//
//   - another node that does not run, or a gateway beside another broker that does not serve;
//   - while a replica is not in sync, every broker but that one;
//   - a partition that would fall below its min.insync.replicas;
//   - a quorum of controllers that would have no majority that is caught up;
//   - partitions that are being moved.
//
// Of a cluster of one broker that is all there is, nothing could ever be restarted, so there nothing speaks against it.
func (l *look) mayGoDown(node int32) (why string) {
	if why := l.othersRun(node); why != "" {
		return why
	}
	if len(l.nodes) == 1 {
		return ""
	}
	for _, g := range l.observed.Gateways {
		if l.target.Gateways && g.Node != node && !g.Serving {
			return fmt.Sprintf("gateway %d does not serve yet", g.Node)
		}
	}
	k := l.view.Kafka
	if k == nil {
		return l.unknown()
	}
	if why := l.partitionsHold(node, *k); why != "" {
		return why
	}
	return quorumHolds(node, *k)
}

func (l *look) partitionsHold(node int32, k brokers.View) string {
	if k.Reassigning != 0 {
		return reassigning(k)
	}
	for _, b := range l.observed.Brokers {
		if n, _ := k.Node(b.Node); b.Node != node && !n.Alive {
			return nodeName(b.Node) + " is not known to Kafka as alive yet"
		}
	}
	behind := 0
	for _, n := range k.Nodes {
		if n.Node != node {
			behind += n.OutOfSync
		}
	}
	self, _ := k.Node(node)
	if k.OfflinePartitions > 0 {
		return fmt.Sprintf("%d partitions have no leader", k.OfflinePartitions)
	}
	if behind == 0 && self.OutOfSync == 0 {
		behind = k.UnderReplicatedPartitions // of brokers that are not here any more
	}
	switch {
	case behind > 0:
		return fmt.Sprintf("%d partitions are not in sync on other brokers", behind)
	case self.AlwaysCritical > 0 && self.CriticalExample != "":
		return fmt.Sprintf("%d partitions, such as %s, have so few replicas that none of them can ever be missing", self.AlwaysCritical, self.CriticalExample)
	case self.Critical > 0:
		return fmt.Sprintf("%d partitions, such as %s, would have fewer replicas in sync than min.insync.replicas", self.Critical, self.CriticalExample)
	}
	return ""
}

func reassigning(k brokers.View) string {
	if k.Reassigning < 0 {
		return "no controller says whether partitions are being moved"
	}
	return fmt.Sprintf("%d partitions are being moved", k.Reassigning)
}

// quorumHolds says why the controllers cannot do without a node. A quorum of one voter never can, and cannot help it.
func quorumHolds(node int32, k brokers.View) string {
	if k.Quorum.Leader < 0 || len(k.Quorum.Voters) == 0 {
		return "no controller says how the quorum is"
	}
	voter, is := k.Quorum.Voter(node)
	left := 0
	for _, v := range k.Quorum.Voters {
		switch {
		case v.Node == node:
		case !v.IsCaughtUp(k.At):
			return fmt.Sprintf("the controller of %s is not caught up", nodeName(v.Node))
		default:
			left++
		}
	}
	if is && len(k.Quorum.Voters) > 1 && left <= len(k.Quorum.Voters)/2 {
		return fmt.Sprintf("the controllers would have no majority without %s: %d of %d are left", nodeName(voter.Node), left, len(k.Quorum.Voters))
	}
	return ""
}

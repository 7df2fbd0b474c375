package operator

import (
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// start gets nodes that do not run to run, or out of the way.
//
// Where more than one is down, each starts as it last ran: a change that breaks a broker must not meet a second one. The
// only one that is down starts with what is desired now, which is how a restart goes on, and how one is taken back.
func (l *look) start() {
	for _, b := range l.nodes {
		_, condemned := l.view.Condemned[b.Node]
		switch {
		case b.Running:
		case b.Stopping:
			l.wait(Wait{What: waitStop, Node: b.Node, Owner: nodeName(b.Node), Patience: stopPatience}, "%s is stopping%s", nodeName(b.Node), because(b.Message))
		case b.Starting && l.change(l.ordered(b)) != "" && l.othersRun(b.Node) == "":
			l.act(substrate.StopBroker, b.Node, "%s is starting as it should not: %s", nodeName(b.Node), l.change(l.ordered(b)))
		case b.Starting:
			l.wait(Wait{What: waitStart, Node: b.Node, Owner: nodeName(b.Node), Patience: startPatience}, "%s is starting%s%s", nodeName(b.Node), inVersion(b), because(b.Message))
		case l.leaving(b.Node) && l.empty(b.Node) && l.isLast(b.Node):
			l.remove(b)
		case b.Lost || condemned:
			l.replaceStorage(b)
		default:
			l.startNode(b)
		}
	}
}

// ordered is a node with the version and configuration that it was told to start with, where this is known.
func (l *look) ordered(b substrate.Broker) substrate.Broker {
	if spec, known := l.view.Ordered[b.Node]; known && b.Version != "" {
		b.Version, b.Configuration = spec.Version, spec.Configuration
	}
	return b
}

func (l *look) startNode(b substrate.Broker) {
	spec := l.target
	if b.Version != "" && l.change(b) != "" && l.othersRun(b.Node) != "" {
		spec.Version, spec.Configuration = b.Version, b.Configuration
	}
	reason := nodeName(b.Node) + " does not run" + because(b.Message)
	l.do(Action{Action: substrate.Action{Verb: substrate.StartBroker, Node: b.Node, Spec: spec, Reason: reason}})
}

// inVersion says in which version a node starts.
func inVersion(b substrate.Broker) string {
	if b.Version == "" {
		return ""
	}
	return " with version " + b.Version
}

package operator

import (
	"fmt"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/health"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// The actions that are carried out through Kafka itself, beside those of a substrate.
const (
	AlterConfiguration substrate.Verb = "alter-configuration" // Changes, on all brokers, without a restart
	Reassign           substrate.Verb = "reassign"            // Moves, at most BytesPerSecond at each broker
	EndReassignment    substrate.Verb = "end-reassignment"    // takes the throttle away
	ElectLeaders       substrate.Verb = "elect-leaders"       // has the first replica of each partition lead it
	FinalizeFeatures   substrate.Verb = "finalize-features"   // Levels; after it there is no way back
	RemoveVoter        substrate.Verb = "remove-voter"        // Node with Directory, out of the controllers' quorum
	AddVoter           substrate.Verb = "add-voter"           // Node with Directory, into it
)

// Action is one action of a plan. It takes hold of at most one broker.
type Action struct {
	substrate.Action
	Changes        map[string]*string
	Moves          []brokers.Move
	BytesPerSecond int64
	Levels         map[string]int16
	Directory      string
}

// Wait is something that goes on by itself, or that is held up: who has to get on, and why it takes what it takes.
type Wait struct {
	// What is for machines, and the reason of the condition Progressing; with Node it names the wait.
	What string
	Node int32
	// Owner is who has to get on: the node, Kafka, the substrate, or a person.
	Owner   string
	Message string
	// Patience is how long it may stay as it is; after that it is stuck.
	Patience time.Duration
}

// What is waited for, and how long that may take without getting on.
const (
	waitStart     = "Starting"
	waitStop      = "Stopping"
	waitRestart   = "RollingRestart"
	waitStorage   = "ReplacingStorage"
	waitVoter     = "JoiningQuorum"
	waitReassign  = "Reassigning"
	waitScaleIn   = "RemovingBroker"
	waitSync      = "GettingInSync"
	waitConfigure = "Configuring"
	waitKafka     = "AskingKafka"

	startPatience    = 10 * time.Minute // a broker that ended the hard way reads its logs
	stopPatience     = 3 * time.Minute  // a substrate uses force after a minute
	restartPatience  = 30 * time.Minute
	storagePatience  = 10 * time.Minute
	reassignPatience = 30 * time.Minute
	askingPatience   = 5 * time.Minute
)

// Plan is what one look at a cluster leads to.
type Plan struct {
	// Actions are what can be done now, the first one first. Each is right as things are, and none of the others may be
	// after it: who carries out one looks again.
	Actions []Action
	// Waits are what goes on and what is held up, the most important first.
	Waits []Wait
	// Refused says which change that is asked for cannot be made; "" where none is. The rest goes on.
	Refused string
}

// settled reports whether there is nothing to do and nothing to wait for.
func (p Plan) settled() bool { return len(p.Actions) == 0 && len(p.Waits) == 0 }

// View is what the operator knows besides what the substrate shows.
type View struct {
	// StateTopics is true once the state topics exist.
	StateTopics bool
	// Kafka is what Kafka says of itself, asked after the substrate; nil where it was not asked, or Unknown says why it
	// did not answer.
	Kafka   *brokers.View
	Unknown string
	// Partitions, Settings (those for all brokers) and Features are nil where they are not known.
	Partitions []brokers.Partition
	Settings   map[string]string
	Features   []brokers.Feature
	// Healthy is since when everything has been well without a break; zero: it is not.
	Healthy time.Time
	// Condemned are the brokers whose storage is to be made anew although it is there, with why.
	Condemned map[int32]string
	// Ordered is with what each node was last told to start: one that has yet to be fetched does not show it.
	Ordered map[int32]orrery.PSCSpec
	// Treated is the verdict for which each broker was stopped last, by its Since: one cure for one illness.
	Treated map[int32]time.Time
}

// look is one look at a cluster, while a plan is made of it.
type look struct {
	// target is what of the desired state can be reached.
	target   orrery.PSCSpec
	observed substrate.Observed
	nodes    []substrate.Broker // brokers, and nodes that are a controller only
	view     View
	verdicts []health.Verdict
	now      time.Time
	plan     Plan
}

func (l *look) do(a Action) { l.plan.Actions = append(l.plan.Actions, a) }

func (l *look) act(verb substrate.Verb, node int32, format string, args ...any) {
	l.do(Action{Action: substrate.Action{Verb: verb, Node: node, Spec: l.target, Reason: fmt.Sprintf(format, args...)}})
}

func (l *look) wait(w Wait, format string, args ...any) {
	w.Message = fmt.Sprintf(format, args...)
	l.plan.Waits = append(l.plan.Waits, w)
}

// versioned reports whether brokers are started with a version and a configuration of their own: an engine that has
// none of that needs no restart for a change.
func (l *look) versioned() bool { return l.target.Engine != orrery.EngineEmbedded }

// nodeName is how a node is called where a person reads it.
func nodeName(node int32) string {
	if node >= orrery.FirstController {
		return fmt.Sprintf("controller %d", node)
	}
	return fmt.Sprintf("broker %d", node)
}

// leaving reports whether a broker is one more than there are to be.
func (l *look) leaving(node int32) bool {
	return node < orrery.FirstController && int(node) >= l.target.Brokers
}

// othersRun returns "", or which node other than this one does not run, and why.
func (l *look) othersRun(node int32) (why string) {
	for _, b := range l.nodes {
		switch {
		case b.Node == node || b.Running:
		case b.Starting:
			return nodeName(b.Node) + " is starting"
		case b.Stopping:
			return nodeName(b.Node) + " is stopping"
		default:
			return nodeName(b.Node) + " does not run" + because(b.Message)
		}
	}
	return ""
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// unknown is why Kafka's view is not there.
func (l *look) unknown() string {
	if l.view.Unknown != "" {
		return "Kafka cannot be asked: " + l.view.Unknown
	}
	return "Kafka has not been asked yet"
}

// partitionsOf returns the partitions that have a replica on a node.
func (l *look) partitionsOf(node int32) (on []brokers.Partition) {
	for _, p := range l.view.Partitions {
		if slices.Contains(p.Replicas, node) {
			on = append(on, p)
		}
	}
	return on
}

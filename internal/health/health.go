// Package health decides from what is seen of the brokers of one physical cluster whether one of them has to be
// relieved or made anew: what a probe from outside meets, what Kafka itself says, what a broker measures of itself, and
// what the operating system knows of its process and disk. It is about gray failures, those of which the broker itself
// says nothing: a disk that has become slow, a process that is stopped, a network that is lost on one side only.
//
// A [Model] is fed with one round of [Signals] after another and answers with a [Verdict] for each broker. It does
// little and late on purpose, because a wrong cure is worse than most illnesses:
//
//   - a verdict that asks for something needs several bad rounds in a row and some time, and it ends the same way;
//   - it asks for something about one broker at a time, and after that not about another one for a while;
//   - where most brokers look bad at once it asks for nothing: then it is who looks that is ill, or all of the cluster;
//   - each verdict comes with its evidence, as it was when it was made.
//
// Everything here is pure: time is an argument.
package health

import "time"

// Standing is what should be done with a broker.
type Standing string

// The standings, in the order of how much they ask for.
const (
	Healthy Standing = "Healthy" // nothing
	Suspect Standing = "Suspect" // nothing yet: it looks bad, but not for long enough, or it is not its turn, or others do too
	Demote  Standing = "Demote"  // its leaderships go to others, for as long as the verdict stands
	Restart Standing = "Restart" // it is stopped, by force where it does not listen, and started again; once
	Replace Standing = "Replace" // its storage is made anew, after the proof that nothing is only there
)

// Acts reports whether the standing asks for something.
func (s Standing) Acts() bool { return s == Demote || s == Restart || s == Replace }

// Cause is what a broker suffers from, for machines.
type Cause string

// The causes, the surest first: where several fit, the first one is the verdict's.
const (
	StorageFailed  Cause = "StorageFailed"      // its data directory cannot be written or read
	ProcessStopped Cause = "ProcessStopped"     // its process is stopped (SIGSTOP, a debugger): it holds its connections and answers none
	SlowDisk       Cause = "SlowDisk"           // it takes records far more slowly than its peers, and its disk shows why
	Slow           Cause = "Slow"               // the same, without a sign of the disk
	PeersLost      Cause = "PeerNetworkLost"    // clients reach it; the other brokers and it do not reach one another
	ClientsLost    Cause = "OutsideNetworkLost" // the other brokers reach it; clients do not
	NoAnswer       Cause = "NoAnswer"           // nobody gets an answer from it, though its process runs
)

// Verdict is what is thought of one broker. It is equal to the one of the round before for as long as nothing has
// changed that matters, so that it may be written down where it changes only.
type Verdict struct {
	Node     int32
	Standing Standing
	Cause    Cause // "" where it is Healthy
	// Evidence is what was seen when it became what it is, most important first; empty where it is Healthy.
	Evidence []string
	// Since is when it became what it is.
	Since time.Time
}

// Stage is how far a probe came on its way to a broker.
type Stage int

// The stages, in order; each includes those before it.
const (
	Nowhere  Stage = iota
	Dialled        // a TCP connection to the broker's public address
	Secured        // TLS
	LoggedIn       // SASL
	Produced       // a record was taken by the broker
	Consumed       // and read back from it: the probe is whole
)

// String names what is done at a stage.
func (s Stage) String() string {
	return [...]string{"nothing", "dial", "TLS", "login", "produce", "consume"}[min(max(s, 0), Consumed)]
}

// Probe is one try to produce to a broker and to read that back, as a client from outside does it.
type Probe struct {
	Node int32
	// At is when it ended; zero: there was none.
	At time.Time
	// Reached is the last stage that went well; the next one failed, unless it is Consumed.
	Reached Stage
	// Took is how long each stage that went well took, by Stage; 0 of the others.
	Took [Consumed + 1]time.Duration
	// Error says what went wrong.
	Error string
}

// Kafka is what the cluster itself says of a broker.
type Kafka struct {
	At time.Time // zero: nothing is known
	// Alive is true where it is registered and not fenced.
	Alive bool
	// Replicas are those of partitions that others lead, OutOfSync those of them that are not in sync.
	Replicas, OutOfSync int
	// Followers are replicas elsewhere of partitions that it leads, FollowersOutOfSync those of them that are not in sync.
	Followers, FollowersOutOfSync int
}

// Metrics is what a broker measures of itself. A value that it does not give is negative.
type Metrics struct {
	At time.Time // zero: nothing is known
	// HandlersIdle is the share of time that its request handlers have nothing to do, 0 to 1.
	HandlersIdle float64
	// UnderReplicated is how many of the partitions that it leads lack a replica.
	UnderReplicated float64
	// Flush is how long a flush of a log to its disk takes: the 99th percentile.
	Flush time.Duration
	// Collecting is the share of time spent in garbage collection since the look before, 0 to 1.
	Collecting float64
}

// System is what the operating system knows of a broker's process and disk.
type System struct {
	At time.Time // zero: nothing is known
	// State is that of the process as /proc has it: R, S, D (waits for a disk), T (stopped), t (traced), Z; 0: unknown.
	State byte
	// Processors is how many it kept busy since the look before; DiskWait the share of time that it waited for a disk.
	Processors, DiskWait float64
	// OpenFiles of at most OpenFilesLimit; 0: unknown.
	OpenFiles, OpenFilesLimit int64
	// FreeBytes of TotalBytes of the file system of its data; TotalBytes 0: unknown.
	FreeBytes, TotalBytes int64
	// StorageError says why its data directory cannot be used; "" where it can, or where this is unknown.
	StorageError string
}

// Signals are what is known of one broker in one round. What is too old (Rules.Stale) counts as unknown.
type Signals struct {
	Node int32
	// Up is true where it should serve at the moment. One that is being started or stopped, or is down, is not judged:
	// that is the operator's work; and while there is one, nothing is asked for about another.
	Up      bool
	Probe   Probe
	Kafka   Kafka
	Metrics Metrics
	System  System
}

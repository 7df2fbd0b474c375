// Package brokers is the port to what Kafka itself knows of one physical cluster, seen with the platform's own
// rights: its health, what an operator changes about it, the state topics that the gateways read, and what a deleted
// tenant left. The adapters are kafka (any engine, over the protocol) and mem; brokerstest is the suite that both must pass.
package brokers

import (
	"context"
	"net"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// The state topics of a physical cluster: one partition each, compacted, internal to the platform.
const (
	TopicTenants  = "_orrery_tenants"  // written by the satellite, read by the gateways
	TopicGateways = "_orrery_gateways" // written by the gateways, read by the satellite, which adds what it measures for metering
	TopicACLs     = "_orrery_acls"     // written and read by the gateways; the satellite clears deleted tenants from it
)

// StateTopics are all of them.
var StateTopics = []string{TopicTenants, TopicGateways, TopicACLs}

// Cluster is one physical cluster, seen from inside.
type Cluster interface {
	// View returns brokers, quorum and replication health. While no controller answers it says what the brokers know.
	View(ctx context.Context) (View, error)
	// Partitions returns all partitions, sorted by topic and number, with their sizes as far as brokers answer.
	Partitions(ctx context.Context) ([]Partition, error)

	// Reassign begins to move partitions, at most MostMoves, and returns before data has moved. All copying of moves,
	// also of those from before, is throttled to that many bytes per second at each broker, in and out; replicas that are
	// in sync are not held back. No moves change the rate only. It is idempotent, so who does not know how far it came
	// calls it again.
	Reassign(ctx context.Context, moves []Move, bytesPerSecond int64) error
	// EndReassignment returns how many partitions are still being moved, and takes the throttle away once none is; then
	// it changes nothing. It is due while View.Throttle is not 0.
	EndReassignment(ctx context.Context) (left int, err error)
	// ElectPreferredLeaders has each partition led by its first replica where that is in sync and does not lead yet, at
	// most MostMoves a call, and returns how many such partitions are left.
	ElectPreferredLeaders(ctx context.Context) (left int, err error)

	// Configuration returns the settings of a broker, which must be alive, or with ClusterWide those that were set for
	// all brokers, sorted by name.
	Configuration(ctx context.Context, node int32) ([]Setting, error)
	// AlterConfiguration changes settings of a broker, which must be alive, or with ClusterWide of all brokers, without a
	// restart; nil goes back to what it was started with, or to Kafka's default. What Kafka refuses is an Invalid error;
	// see Dynamic.
	AlterConfiguration(ctx context.Context, node int32, changes map[string]*string) error

	// Features returns what is finalised and what the brokers support, sorted by name.
	Features(ctx context.Context) ([]Feature, error)
	// FinalizeFeatures raises features to these levels, all or none; none is ever lowered. See CheckFeatures.
	FinalizeFeatures(ctx context.Context, levels map[string]int16) error

	// RemoveVoter takes a controller out of the quorum; of one that is no voter with this directory there is nothing to
	// do. It is refused with Conflict unless the other voters have a majority of those left that is caught up.
	RemoveVoter(ctx context.Context, node int32, directory string) error
	// AddVoter makes an observer a voter; of one that is a voter already there is nothing to do. It is refused with
	// Conflict while it is not known as an observer, and while another voter has the same node.
	AddVoter(ctx context.Context, node int32, directory string) error
	// Unregister has Kafka forget a broker; of one that is not registered there is nothing to do. It is refused with
	// Conflict while the broker is alive, or a partition has a replica on it.
	Unregister(ctx context.Context, node int32) error

	// PrepareStateTopics creates the state topics that are missing, replicated as widely as the cluster allows, and lets
	// the principals of Access, where it names some, do what gateways need (tenancy.TenantsACLs, GatewayACLs).
	PrepareStateTopics(ctx context.Context) error
	// PrepareProbeTopics has one topic for the probes of each of these brokers, ProbeTopic of its node, with one partition
	// and one replica, there; of brokers that are not alive it is made later. Those of other brokers are removed. It is
	// idempotent, and changes nothing where all is as it should be.
	PrepareProbeTopics(ctx context.Context, nodes []int32) error
	// ReadState returns the current records of a state topic, read to its end as it was at the call: the newest
	// of each key, tombstones left out, sorted by key.
	ReadState(ctx context.Context, topic string) ([]Record, error)
	// WriteState appends records to a state topic (a nil Value is a tombstone) and returns the offset after the
	// last of them, once they are durable.
	WriteState(ctx context.Context, topic string, records []Record) (end int64, err error)
	// Tail returns what is known now of a state topic that is followed in the background: as ReadState, without
	// waiting. The first call starts the following; ready is false until the first read to the end.
	Tail(topic string) (records []Record, ready bool)
	// TenantTopics returns the topics of all logical clusters, sorted by name.
	TenantTopics(ctx context.Context) ([]TenantTopic, error)
	// RemoveTenant deletes every topic, group and transactional id whose physical name begins with prefix, at
	// most some hundred a call, and returns how many topics and groups are left.
	RemoveTenant(ctx context.Context, prefix string) (left int, err error)
	// Close ends the following and the connections.
	Close()
}

// Record is one record of a state topic.
type Record struct {
	Key    string
	Value  []byte // nil: tombstone
	Offset int64  // of a record that was read
}

// PrefixTenants begins the names of the topics of logical clusters.
const PrefixTenants = orrery.PrefixLogicalKafka + "-"

// TenantTopic is a topic of a logical cluster: how much was ever appended to it, and what of that is still there.
type TenantTopic struct {
	Name       string
	ID         string // of another topic of the same name it is another one
	Partitions int
	// End is the sum of the offsets after the last records of its partitions; -1 where one has no leader that says it.
	End int64
	// Bytes is what its partitions take, of each the largest replica.
	Bytes int64
}

// Access is how to reach the brokers; see substrate.Access.
type Access struct {
	Seeds             []string
	Dial              func(ctx context.Context, network, address string) (net.Conn, error)
	Tenants, Gateways string
	Controllers       map[int32]string
}

// Opener opens a cluster. changed is called, from any goroutine, when a followed topic has new records.
type Opener func(physicalClusterID string, access Access, changed func()) (Cluster, error)

// CheckTenantPrefix returns an Invalid error unless prefix is that of exactly one tenant, lkc-…_: RemoveTenant
// deletes data, so both adapters refuse anything that could name more.
func CheckTenantPrefix(prefix string) error {
	id, ok := strings.CutSuffix(prefix, "_")
	if !ok || !orrery.HasPrefix(id, orrery.PrefixLogicalKafka) || strings.Contains(id, "_") {
		return orrery.Errorf(orrery.Invalid, "%q is not the prefix of a tenant's names (%s-…_)", prefix, orrery.PrefixLogicalKafka)
	}
	return nil
}

// Package brokers is the port to what Kafka itself knows of one physical cluster, seen with the platform's own
// rights: its health, the state topics that the gateways read, and what a deleted tenant left. The adapters are
// kafka (any engine, over the protocol) and mem; brokerstest is the suite that both must pass.
package brokers

import (
	"context"
	"net"
	"strings"
	"time"

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
	// View returns brokers, controller and replication health.
	View(ctx context.Context) (View, error)
	// PrepareStateTopics creates the state topics that are missing, replicated as widely as the cluster allows.
	PrepareStateTopics(ctx context.Context) error
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

// View is Kafka's own idea of its health.
type View struct {
	Controller                int32
	Brokers                   []int32 // registered and alive, sorted
	Topics, Partitions        int
	OfflinePartitions         int
	UnderReplicatedPartitions int
	At                        time.Time
}

// Access is how to reach the brokers; see substrate.Access.
type Access struct {
	Seeds             []string
	Dial              func(ctx context.Context, network, address string) (net.Conn, error)
	Tenants, Gateways string
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

package profile

import "github.com/orrery-kafka/orrery"

const mebibyte = 1 << 20

// TypeLimits is what a logical cluster of one type may use, as the public service has it.
type TypeLimits struct {
	// Unit is what one unit (eCKU or CKU) gives; Cluster is the most that a cluster gets, however many units.
	Unit, Cluster Use
	// MaxUnits is the most units of one cluster.
	MaxUnits int
	// PartitionChangesPerFiveMinutes bounds partitions created and deleted.
	PartitionChangesPerFiveMinutes int
	// APIKeys and ACLs bound how many one cluster has.
	APIKeys, ACLs int
	// BurstBytesPerSecond is what a cluster that names no units gets, in and out each: the public service's
	// multi-tenant default (2020). 0 for a type that always names them.
	BurstBytesPerSecond int64
	// Own are the limits that the public service does not publish.
	Own Own
}

// Own is what Kafka and the public service do not limit or do not say, chosen so that no tenant can fill a
// broker's memory or processors, and far above what a client that behaves needs.
type Own struct {
	// RequestMillisecondsPerSecond is of a cluster, and of each unit of a Dedicated one; 1,000 is one core.
	RequestMillisecondsPerSecond int64
	// ProducerIDsPerHour bounds new ones: a broker remembers each for a day (producer.id.expiration.ms).
	ProducerIDsPerHour int64
	Groups             int64
	// MessageBytes is the public service's: 8 MB, and 20 MB on Dedicated.
	MessageBytes int64
}

// Use is an amount of what clusters compete for.
type Use struct {
	IngressBytesPerSecond       int64
	EgressBytesPerSecond        int64
	Partitions                  int
	Connections                 int
	ConnectionAttemptsPerSecond int
	RequestsPerSecond           int
}

var kafka1Limits = map[string]TypeLimits{
	orrery.TypeBasic: {
		Unit:     Use{5 * megabyte, 15 * megabyte, 30, 20, 5, 100},
		Cluster:  Use{250 * megabyte, 750 * megabyte, 1_500, 1_000, 80, 15_000},
		MaxUnits: 50, PartitionChangesPerFiveMinutes: 250, APIKeys: 50, ACLs: 1_000,
		BurstBytesPerSecond: 100 * megabyte, Own: Own{2_000, 10_000, 1_000, 8 * mebibyte},
	},
	orrery.TypeStandard: {
		Unit:     Use{25 * megabyte, 75 * megabyte, 250, 1_000, 50, 1_500},
		Cluster:  Use{250 * megabyte, 750 * megabyte, 2_500, 10_000, 500, 15_000},
		MaxUnits: 10, PartitionChangesPerFiveMinutes: 500, APIKeys: 100, ACLs: 1_000,
		BurstBytesPerSecond: 100 * megabyte, Own: Own{4_000, 20_000, 2_000, 8 * mebibyte},
	},
	orrery.TypeDedicated: {
		Unit:     Use{60 * megabyte, 180 * megabyte, 4_500, 18_000, 500, 15_000},
		Cluster:  Use{9_120 * megabyte, 27_360 * megabyte, 100_000, 2_736_000, 76_000, 2_280_000},
		MaxUnits: 152, PartitionChangesPerFiveMinutes: 5_000, APIKeys: 2_000, ACLs: 10_000,
		Own: Own{4_000, 100_000, 10_000, 20 * mebibyte},
	},
}

// LimitsOf returns the limits of a type of logical cluster in a version of the profile, and an Invalid error about
// an unknown version or type.
func LimitsOf(profile, clusterType string) (TypeLimits, error) {
	v, ok := versions[profile]
	if !ok {
		return TypeLimits{}, unknownVersion(profile)
	}
	limits, ok := v.limits[clusterType]
	if !ok {
		return TypeLimits{}, orrery.Errorf(orrery.Invalid, "the profile %s has no cluster type %q", profile, clusterType)
	}
	return limits, nil
}

// MaxPartitions returns how many partitions a cluster of so many units may have; 0 units means the type's most.
func (l TypeLimits) MaxPartitions(units int) int {
	if units <= 0 {
		return l.Cluster.Partitions
	}
	return min(l.Unit.Partitions*units, l.Cluster.Partitions)
}

// Quotas returns what a cluster of so many units may use. A cluster that names none (0) has the type's most of
// everything but bytes, of which it has the burst.
func (l TypeLimits) Quotas(units int) orrery.Quotas {
	has := l.Cluster
	if units > 0 {
		n := min(units, l.MaxUnits)
		has = Use{
			IngressBytesPerSecond:       min(int64(n)*l.Unit.IngressBytesPerSecond, l.Cluster.IngressBytesPerSecond),
			EgressBytesPerSecond:        min(int64(n)*l.Unit.EgressBytesPerSecond, l.Cluster.EgressBytesPerSecond),
			Partitions:                  l.MaxPartitions(n),
			Connections:                 min(n*l.Unit.Connections, l.Cluster.Connections),
			ConnectionAttemptsPerSecond: min(n*l.Unit.ConnectionAttemptsPerSecond, l.Cluster.ConnectionAttemptsPerSecond),
			RequestsPerSecond:           min(n*l.Unit.RequestsPerSecond, l.Cluster.RequestsPerSecond),
		}
	} else if l.BurstBytesPerSecond > 0 {
		has.IngressBytesPerSecond, has.EgressBytesPerSecond = l.BurstBytesPerSecond, l.BurstBytesPerSecond
	}
	working := l.Own.RequestMillisecondsPerSecond
	if l.BurstBytesPerSecond == 0 {
		working *= int64(max(units, 1))
	}
	return orrery.Quotas{
		IngressBytesPerSecond: has.IngressBytesPerSecond, EgressBytesPerSecond: has.EgressBytesPerSecond,
		RequestsPerSecond:              int64(has.RequestsPerSecond),
		RequestMillisecondsPerSecond:   working,
		Connections:                    int64(has.Connections),
		ConnectionAttemptsPerSecond:    int64(has.ConnectionAttemptsPerSecond),
		Partitions:                     int64(has.Partitions),
		PartitionChangesPerFiveMinutes: int64(l.PartitionChangesPerFiveMinutes),
		ProducerIDsPerHour:             l.Own.ProducerIDsPerHour,
		Groups:                         l.Own.Groups,
		MessageBytes:                   l.Own.MessageBytes,
		ACLs:                           int64(l.ACLs),
	}
}

// ReplicationFactor returns how many brokers hold each partition of a tenant's topics on a physical cluster.
func ReplicationFactor(spec orrery.PSCSpec) int { return min(replicationFactor, spec.Brokers) }

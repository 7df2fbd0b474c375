package profile

import "github.com/orrery-kafka/orrery"

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
	},
	orrery.TypeStandard: {
		Unit:     Use{25 * megabyte, 75 * megabyte, 250, 1_000, 50, 1_500},
		Cluster:  Use{250 * megabyte, 750 * megabyte, 2_500, 10_000, 500, 15_000},
		MaxUnits: 10, PartitionChangesPerFiveMinutes: 500, APIKeys: 100, ACLs: 1_000,
	},
	orrery.TypeDedicated: {
		Unit:     Use{60 * megabyte, 180 * megabyte, 4_500, 18_000, 500, 15_000},
		Cluster:  Use{9_120 * megabyte, 27_360 * megabyte, 100_000, 2_736_000, 76_000, 2_280_000},
		MaxUnits: 152, PartitionChangesPerFiveMinutes: 5_000, APIKeys: 2_000, ACLs: 10_000,
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

// ReplicationFactor returns how many brokers hold each partition of a tenant's topics on a physical cluster.
func ReplicationFactor(spec orrery.PSCSpec) int { return min(replicationFactor, spec.Brokers) }

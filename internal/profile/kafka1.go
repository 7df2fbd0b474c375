package profile

import (
	"fmt"

	"github.com/orrery-kafka/orrery"
)

// The rules of kafka-1. They never change: what is to be different is kafka-2.

const (
	minimumBrokers    = 3 // as many as replicas, so that one may be down without losing an acknowledged record
	replicationFactor = 3
	gibibyte          = 1 << 30
	megabyte          = 1_000_000
)

// EmbeddedVersion names the embedded engine's generation of behaviour: the protocol versions that its gateways
// offer and the form of its files.
const EmbeddedVersion = "embedded-1"

// apacheVersion is the release of Apache Kafka that kafka-1 was written for.
const apacheVersion = "4.3.1"

var kafka1Rules = []rule{
	{"/version", func(s *orrery.PSCSpec) string {
		switch {
		case s.Version != "":
			return ""
		case s.Engine == orrery.EngineEmbedded:
			s.Version = EmbeddedVersion
			return "the embedded engine of this program"
		default:
			s.Version = apacheVersion
			return "the release that this profile was written for"
		}
	}},
	{"/brokers", func(s *orrery.PSCSpec) string {
		switch {
		case s.Brokers != 0:
			return ""
		case s.Type == orrery.TypeDedicated:
			s.Brokers = max(minimumBrokers, s.CKU)
			return fmt.Sprintf("max(%d, CKU)", minimumBrokers)
		default:
			s.Brokers = minimumBrokers
			return fmt.Sprintf("a multi-tenant cluster has %d", minimumBrokers)
		}
	}},
	{"/gateways", func(s *orrery.PSCSpec) string {
		s.Gateways = true
		return "one gateway beside each broker"
	}},
	{"/storage_bytes", func(s *orrery.PSCSpec) string {
		switch {
		case s.StorageBytes != 0:
			return ""
		case s.Engine == orrery.EngineEmbedded:
			s.StorageBytes = 10 * gibibyte
			return "10 GiB a broker: it reads whole logs at start, and shares the host's disk"
		default:
			s.StorageBytes = 1024 * gibibyte
			return "1 TiB a broker"
		}
	}},
	configuration("default.replication.factor", "3", "a copy on three brokers"),
	configuration("min.insync.replicas", "2", "an acknowledged record is on two brokers, and one may be down"),
	configuration("message.max.bytes", "8388608", "8 MiB, what the public service takes"),
	configuration("auto.create.topics.enable", "false", "a tenant's topics are made by the gateway", orrery.EngineApache),
	configuration("offsets.topic.replication.factor", "3", "a copy on three brokers", orrery.EngineApache),
	configuration("transaction.state.log.replication.factor", "3", "a copy on three brokers", orrery.EngineApache),
	configuration("transaction.state.log.min.isr", "2", "one broker may be down", orrery.EngineApache),
	configuration("share.coordinator.state.topic.replication.factor", "3", "a copy on three brokers", orrery.EngineApache),
	configuration("share.coordinator.state.topic.min.isr", "2", "one broker may be down", orrery.EngineApache),
	{"/capacity", func(s *orrery.PSCSpec) string {
		if s.Capacity != (orrery.Capacity{}) {
			return ""
		}
		if s.Type == orrery.TypeDedicated {
			s.Capacity = dedicatedCapacity(*s)
			return fmt.Sprintf("%d × what one CKU is", s.CKU)
		}
		s.Capacity = multiTenantCapacity(*s)
		return fmt.Sprintf("%d × what one broker of this engine is planned to carry", s.Brokers)
	}},
}

// multiTenantBroker is what one broker of a multi-tenant cluster is planned to carry, by engine; each record is on
// three. All brokers of an embedded cluster share one goroutine, and each partition takes two open files.
var multiTenantBroker = map[string]orrery.Capacity{
	orrery.EngineApache: {
		LogicalClusters: 700, Partitions: 5_000, Connections: 10_000,
		IngressBytesPerSecond: 300 * megabyte, EgressBytesPerSecond: 900 * megabyte,
	},
	orrery.EngineEmbedded: {
		LogicalClusters: 700, Partitions: 2_000, Connections: 2_000,
		IngressBytesPerSecond: 70 * megabyte, EgressBytesPerSecond: 210 * megabyte,
	},
}

func multiTenantCapacity(s orrery.PSCSpec) orrery.Capacity {
	broker := multiTenantBroker[s.Engine]
	return orrery.Capacity{
		LogicalClusters:       broker.LogicalClusters * s.Brokers,
		Partitions:            broker.Partitions * s.Brokers,
		Connections:           broker.Connections * s.Brokers,
		IngressBytesPerSecond: broker.IngressBytesPerSecond * int64(s.Brokers),
		EgressBytesPerSecond:  broker.EgressBytesPerSecond * int64(s.Brokers),
		StorageBytes:          s.StorageBytes * int64(s.Brokers) / replicationFactor,
		Brokers:               s.Brokers,
	}
}

func dedicatedCapacity(s orrery.PSCSpec) orrery.Capacity {
	limits := kafka1Limits[orrery.TypeDedicated]
	return orrery.Capacity{
		LogicalClusters:       1,
		Partitions:            min(limits.Unit.Partitions*s.CKU, limits.Cluster.Partitions),
		Connections:           limits.Unit.Connections * s.CKU,
		IngressBytesPerSecond: limits.Unit.IngressBytesPerSecond * int64(s.CKU),
		EgressBytesPerSecond:  limits.Unit.EgressBytesPerSecond * int64(s.CKU),
		StorageBytes:          s.StorageBytes * int64(s.Brokers) / replicationFactor,
		Brokers:               s.Brokers,
	}
}

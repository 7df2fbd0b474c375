package brokers

import (
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery"
)

// ClusterWide stands for all brokers where a node is asked for.
const ClusterWide int32 = -1

// Setting is one setting of a broker.
type Setting struct {
	Name string
	// Value is empty where Kafka does not tell it, as with passwords, and where there is none.
	Value  string
	Source Source
	// ReadOnly is true where only a restart changes it, Sensitive where the value is not told.
	ReadOnly, Sensitive bool
}

// Source says where a setting's value comes from.
type Source string

// The sources, from the strongest.
const (
	SourceBroker      Source = "broker"       // changed on this broker, dynamically
	SourceClusterWide Source = "cluster-wide" // changed on all brokers, dynamically
	SourceStatic      Source = "static"       // the broker was started with it
	SourceDefault     Source = "default"      // Kafka's
)

// CheckConfiguration returns an Invalid error for changes that need a restart, or that are not possible on all brokers at
// once; see Dynamic.
func CheckConfiguration(node int32, changes map[string]*string) error {
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		switch scope := Dynamic(name); {
		case scope == ReadOnly:
			return orrery.Errorf(orrery.Invalid, "%s cannot be changed while a broker runs", name)
		case scope == PerBroker && node == ClusterWide:
			return orrery.Errorf(orrery.Invalid, "%s can be changed on one broker at a time only", name)
		}
	}
	return nil
}

package quota

import (
	"time"

	"github.com/orrery-kafka/orrery"
)

// Dimension is something that tenants compete for.
type Dimension uint8

// The dimensions. All but the last are rates; Connections is how many are open at once.
const (
	Ingress            Dimension         = iota // bytes of Produce requests
	Egress                                      // bytes of Fetch responses
	Requests                                    // requests
	RequestTime                                 // microseconds of work on requests (KIP-124)
	ConnectionAttempts                          // connections that were opened (KIP-612)
	PartitionChanges                            // partitions created and deleted (KIP-599)
	ProducerIDs                                 // new producer ids (KIP-936)
	Connections                                 // open connections
	Dimensions         = Connections + 1        // how many there are
	Rates              = Connections            // how many of them are rates
)

// dimensions says of each how messages name it, what its quota is, over which time, and the burst in that time.
var dimensions = [Dimensions]struct {
	name, unit string
	of         func(orrery.Quotas) int64
	scale      int64 // what one of the quota's units is in the dimension's
	per, burst time.Duration
}{
	Ingress:            {"ingress", "bytes/s", func(q orrery.Quotas) int64 { return q.IngressBytesPerSecond }, 1, time.Second, time.Second / 2},
	Egress:             {"egress", "bytes/s", func(q orrery.Quotas) int64 { return q.EgressBytesPerSecond }, 1, time.Second, time.Second / 2},
	Requests:           {"requests", "requests/s", func(q orrery.Quotas) int64 { return q.RequestsPerSecond }, 1, time.Second, time.Second / 2},
	RequestTime:        {"request time", "µs/s", func(q orrery.Quotas) int64 { return q.RequestMillisecondsPerSecond }, 1000, time.Second, time.Second / 2},
	ConnectionAttempts: {"connection attempts", "connections/s", func(q orrery.Quotas) int64 { return q.ConnectionAttemptsPerSecond }, 1, time.Second, 5 * time.Second},
	PartitionChanges:   {"partition changes", "partitions/5 min", func(q orrery.Quotas) int64 { return q.PartitionChangesPerFiveMinutes }, 1, 5 * time.Minute, 5 * time.Minute},
	ProducerIDs:        {"new producer ids", "ids/h", func(q orrery.Quotas) int64 { return q.ProducerIDsPerHour }, 1, time.Hour, 10 * time.Minute},
	Connections:        {"connections", "connections", func(q orrery.Quotas) int64 { return q.Connections }, 1, 0, 0},
}

// String returns the name that messages use, such as "request time".
func (d Dimension) String() string { return dimensions[d].name }

// Unit returns the unit of the dimension's quota and shares, such as "bytes/s".
func (d Dimension) Unit() string { return dimensions[d].unit }

// Of returns the quota in the dimension's unit, and Unlimited where it is 0.
func (d Dimension) Of(quotas orrery.Quotas) int64 {
	quota := dimensions[d].of(quotas)
	if quota <= 0 {
		return Unlimited
	}
	return min(quota, maxUnits/dimensions[d].scale) * dimensions[d].scale
}

// Rate returns units of the dimension as a rate, with the dimension's time and burst: half a second for what is
// held exactly, 5 s of connection attempts (a client connects to every broker at once), all of the 5 minutes'
// partition changes (as in KIP-599), 10 minutes of producer ids.
func (d Dimension) Rate(units int64) Rate {
	kind := dimensions[d]
	if units == Unlimited {
		return Rate{Units: Unlimited}
	}
	units = min(units, maxUnits/8)
	return Rate{Units: units, Per: kind.per, Burst: int64(float64(units) * float64(kind.burst) / float64(kind.per))}
}

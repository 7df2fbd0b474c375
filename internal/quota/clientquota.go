package quota

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/orrery-kafka/orrery"
)

// Keys of Kafka's client quotas (KIP-13, KIP-124, KIP-599).
const (
	ProducerByteRate       = "producer_byte_rate"       // bytes/s, a whole number
	ConsumerByteRate       = "consumer_byte_rate"       // bytes/s, a whole number
	RequestPercentage      = "request_percentage"       // 100 is one core
	ControllerMutationRate = "controller_mutation_rate" // partitions/s
)

// MaxClientQuotas is how many entities of one tenant can have quotas.
const MaxClientQuotas = 1000

// clientKeys are the keys, each with its dimension and whether it must be whole.
var clientKeys = map[string]struct {
	dimension Dimension
	whole     bool
}{
	ProducerByteRate:       {Ingress, true},
	ConsumerByteRate:       {Egress, true},
	RequestPercentage:      {RequestTime, false},
	ControllerMutationRate: {PartitionChanges, false},
}

// ClientQuotas are the client quotas of one tenant: of each entity the value of each key. As in Kafka, each is for
// one broker.
type ClientQuotas map[Entity]map[string]float64

// Operation sets a key of an entity to a value, or removes it.
type Operation struct {
	Key    string
	Value  float64
	Remove bool
}

// Alter returns the values that an entity has after the operations (none: it has no quotas any more), and changes
// nothing. The error is an Invalid *orrery.Error. As in Kafka, to remove what is not there, or is no key at all, is no
// error.
func (q ClientQuotas) Alter(entity Entity, operations []Operation) (map[string]float64, error) {
	after := map[string]float64{}
	maps.Copy(after, q[entity])
	seen := map[string]bool{}
	for _, o := range operations {
		switch {
		case seen[o.Key]:
			return nil, orrery.Errorf(orrery.Invalid, "Duplicate quota key %.100q", o.Key)
		case o.Remove:
			delete(after, o.Key)
		default:
			if err := checkValue(o.Key, o.Value); err != nil {
				return nil, err
			}
			after[o.Key] = o.Value
		}
		seen[o.Key] = true
	}
	return after, nil
}

// checkValue refuses what Kafka refuses, and what is no number.
func checkValue(name string, value float64) error {
	key, known := clientKeys[name]
	switch {
	case !known:
		return orrery.Errorf(orrery.Invalid, "Invalid configuration key %.100q", name)
	case !(value > 0) || math.IsInf(value, 0):
		return orrery.Errorf(orrery.Invalid, "Quota %s must be greater than 0", name)
	case key.whole && (value > math.MaxInt64 || value != math.Trunc(value)):
		return orrery.Errorf(orrery.Invalid, "Quota %s must be a whole number, at most %d", name, math.MaxInt64)
	}
	return nil
}

// IsClientKey reports whether a key is one of Kafka's for client quotas.
func IsClientKey(key string) bool { _, known := clientKeys[key]; return known }

// ClientKey returns the key of client quotas that limits a dimension, and "" where none does.
func ClientKey(d Dimension) string {
	for key, of := range clientKeys {
		if of.dimension == d {
			return key
		}
	}
	return ""
}

// Setting is the value of one key of one entity, as it is stored.
type Setting struct {
	Entity Entity
	Key    string
	Value  float64
}

// storedSetting is a Setting in JSON.
type storedSetting struct {
	Entity []EntityName `json:"entity"`
	Key    string       `json:"key"`
	Value  float64      `json:"value"`
}

// ID tells settings apart: it is a hash of the entity and the key.
func (s Setting) ID() string {
	content, err := json.Marshal(storedSetting{Entity: s.Entity.Names(), Key: s.Key})
	if err != nil {
		panic(err) // strings cannot fail
	}
	return orrery.Hash(content)
}

// MarshalJSON writes {"entity":[{"type":"user","name":"sa-1"},{"type":"client-id"}],"key":"producer_byte_rate","value":1000}.
func (s Setting) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedSetting{s.Entity.Names(), s.Key, s.Value})
}

// UnmarshalJSON reads what MarshalJSON wrote. The error is an Invalid *orrery.Error for what no quota has.
func (s *Setting) UnmarshalJSON(b []byte) error {
	var in storedSetting
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("reading a client quota: %w", err)
	}
	entity, err := NewEntity(in.Entity)
	if err == nil {
		err = checkValue(in.Key, in.Value)
	}
	*s = Setting{entity, in.Key, in.Value}
	return err
}

// Scope is whose use counts together against a client quota: of a user with a client id, of a user with every
// client id, or of a client id with every user. It is a key for the Meters.
type Scope struct {
	User, ClientID     string
	ByUser, ByClientID bool
}

// Limit is a client quota that holds for somebody.
type Limit struct {
	Key    string
	Value  float64
	Entity Entity // where it is from
	Scope  Scope
}

// String is the limit and where it is from: "producer_byte_rate=1000000 of user sa-1".
func (l Limit) String() string {
	return fmt.Sprintf("%s=%s of %s", l.Key, strconv.FormatFloat(l.Value, 'f', -1, 64), l.Entity)
}

// Dimension is what the limit limits.
func (l Limit) Dimension() Dimension { return clientKeys[l.Key].dimension }

// Rate is the limit as a rate for a Meter. A controller_mutation_rate may be used ten seconds at once (KIP-599 with
// Kafka's default of 11 windows of a second), the others half a second.
func (l Limit) Rate() Rate {
	switch l.Key {
	case RequestPercentage:
		return PerSecond(rounded(l.Value * 10_000)) // % of a core to µs/s
	case ControllerMutationRate:
		const per = 1000 // the value can be a fraction
		return Rate{Units: rounded(l.Value * per), Per: per * time.Second, Burst: rounded(math.Ceil(l.Value * 10))}
	default:
		return PerSecond(rounded(l.Value))
	}
}

// rounded is at least 1, for a quota is greater than 0: a rate of 0 would hold requests for ever.
func rounded(value float64) int64 { return max(int64(math.Round(min(value, maxUnits))), 1) }

// Match returns the limits that hold for a user's client: of each key the one of the most specific entity, in
// Kafka's order (user and client id, user, client id; a name before the default), at most one of each key, sorted by
// key. It is for the time when a connection is made or quotas change, not for each request.
func (q ClientQuotas) Match(user, clientID string) []Limit {
	both := Scope{User: user, ClientID: clientID, ByUser: true, ByClientID: true}
	byUser, byClientID := Scope{User: user, ByUser: true}, Scope{ClientID: clientID, ByClientID: true}
	order := [...]struct {
		entity Entity
		scope  Scope
	}{
		{Entity{Named(user), Named(clientID)}, both},
		{Entity{Named(user), Default}, both},
		{Entity{User: Named(user)}, byUser},
		{Entity{Default, Named(clientID)}, both},
		{Entity{Default, Default}, both},
		{Entity{User: Default}, byUser},
		{Entity{ClientID: Named(clientID)}, byClientID},
		{Entity{ClientID: Default}, byClientID},
	}
	var limits []Limit
	for _, key := range []string{ConsumerByteRate, ControllerMutationRate, ProducerByteRate, RequestPercentage} {
		for _, o := range order {
			if value, ok := q[o.entity][key]; ok {
				limits = append(limits, Limit{key, value, o.entity, o.scope})
				break
			}
		}
	}
	return limits
}

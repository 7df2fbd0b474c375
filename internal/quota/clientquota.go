package quota

import (
	"cmp"
	"maps"
	"math"
	"slices"
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

// Types of entity of Kafka's client quotas. Quotas of addresses are not the tenant's to set.
const (
	EntityUser     = "user"
	EntityClientID = "client-id"
	entityIP       = "ip"
)

const (
	// MaxClientQuotas is how many entities of one tenant can have quotas.
	MaxClientQuotas = 1000
	// MaxEntityName bounds the name of a user or client id, in bytes.
	MaxEntityName = 255
)

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

// Part is one half of an entity: not there (the zero value), a name, or the default of its type.
type Part struct {
	Kind PartKind
	Name string // of PartNamed
}

// PartKind says what a Part is.
type PartKind uint8

// The kinds of part.
const (
	PartAbsent PartKind = iota
	PartNamed
	PartDefault // for every name that has none of its own
)

// Named is a part with a name.
func Named(name string) Part { return Part{PartNamed, name} }

// Default is the default of its type.
var Default = Part{Kind: PartDefault}

// Entity is what a client quota is for: a user, a client id, or both together.
type Entity struct {
	User, ClientID Part
}

// EntityName is one part of an entity as Kafka's messages have it; a nil name is the default.
type EntityName struct {
	Type string
	Name *string
}

// NewEntity reads an entity of an AlterClientQuotas request. The error is an Invalid *orrery.Error.
func NewEntity(names []EntityName) (Entity, error) {
	var e Entity
	for _, n := range names {
		var part *Part
		switch n.Type {
		case EntityUser:
			part = &e.User
		case EntityClientID:
			part = &e.ClientID
		case entityIP:
			return Entity{}, orrery.Errorf(orrery.Invalid, "Quotas for addresses are set by the service, not by the cluster's users.")
		default:
			return Entity{}, orrery.Errorf(orrery.Invalid, "Unhandled client quota entity type: %.50q", n.Type)
		}
		switch {
		case part.Kind != PartAbsent:
			return Entity{}, orrery.Errorf(orrery.Invalid, "Invalid client quota entity: %s is named twice", n.Type)
		case n.Name == nil:
			*part = Default
		case *n.Name == "":
			return Entity{}, orrery.Errorf(orrery.Invalid, "Empty %s not supported", n.Type)
		case len(*n.Name) > MaxEntityName:
			return Entity{}, orrery.Errorf(orrery.Invalid, "The name of a %s has at most %d bytes", n.Type, MaxEntityName)
		default:
			*part = Named(*n.Name)
		}
	}
	if e == (Entity{}) {
		return Entity{}, orrery.Errorf(orrery.Invalid, "Invalid empty client quota entity")
	}
	return e, nil
}

// Names returns the entity as Kafka's messages have it, the user first.
func (e Entity) Names() (names []EntityName) {
	for _, p := range []struct {
		kind string
		part Part
	}{{EntityUser, e.User}, {EntityClientID, e.ClientID}} {
		switch p.part.Kind {
		case PartNamed:
			names = append(names, EntityName{p.kind, &p.part.Name})
		case PartDefault:
			names = append(names, EntityName{p.kind, nil})
		}
	}
	return names
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
// nothing. The error is an *orrery.Error: Invalid, or LimitExceeded for an entity too many. As in Kafka, to remove
// what is not there, or is no key at all, is no error.
func (q ClientQuotas) Alter(entity Entity, operations []Operation) (map[string]float64, error) {
	after := map[string]float64{}
	maps.Copy(after, q[entity])
	seen := map[string]bool{}
	for _, o := range operations {
		key, known := clientKeys[o.Key]
		switch {
		case seen[o.Key]:
			return nil, orrery.Errorf(orrery.Invalid, "Duplicate quota key %.100q", o.Key)
		case o.Remove:
			delete(after, o.Key)
		case !known:
			return nil, orrery.Errorf(orrery.Invalid, "Invalid configuration key %.100q", o.Key)
		case math.IsNaN(o.Value) || math.IsInf(o.Value, 0) || o.Value < 0:
			return nil, orrery.Errorf(orrery.Invalid, "Configuration %s must be a number that is not negative", o.Key)
		case key.whole && o.Value != math.Trunc(o.Value):
			return nil, orrery.Errorf(orrery.Invalid, "Configuration %s must be a Long value", o.Key)
		default:
			after[o.Key] = o.Value
		}
		seen[o.Key] = true
	}
	if _, exists := q[entity]; !exists && len(after) > 0 && len(q) >= MaxClientQuotas {
		return nil, orrery.Errorf(orrery.LimitExceeded, "A cluster has client quotas for at most %d entities; remove one first", MaxClientQuotas)
	}
	return after, nil
}

// Match types of a DescribeClientQuotas filter (KIP-546).
const (
	MatchExact     = 0 // the entity has this name
	MatchDefault   = 1 // the entity is the default of its type
	MatchSpecified = 2 // the entity has a part of this type, named or default
)

// Component is one component of a DescribeClientQuotas filter.
type Component struct {
	Type      string
	MatchType int8
	Match     *string
}

// Entry is one entity with its values.
type Entry struct {
	Entity Entity
	Values map[string]float64
}

// Describe returns the entities that match every component, in a stable order; with strict, only those that have no
// other part. The error is an *orrery.Error: Invalid, or UnsupportedValue for an unknown type of entity
// (UNSUPPORTED_VERSION in Kafka).
func (q ClientQuotas) Describe(components []Component, strict bool) ([]Entry, error) {
	seen := map[string]bool{}
	for _, c := range components {
		if err := c.check(seen); err != nil {
			return nil, err
		}
		seen[c.Type] = true
	}
	if seen[entityIP] && len(seen) > 1 {
		return nil, orrery.Errorf(orrery.Invalid, "Invalid entity filter component combination: ip stands alone")
	}
	if strict && len(components) == 0 {
		return nil, nil
	}
	var entries []Entry
	for entity, values := range q {
		parts := 0
		for _, p := range []Part{entity.User, entity.ClientID} {
			if p.Kind != PartAbsent {
				parts++
			}
		}
		matches := func(c Component) bool { return c.matches(entity) }
		if all(components, matches) && (!strict || parts == len(components)) {
			entries = append(entries, Entry{entity, maps.Clone(values)})
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(
			cmp.Compare(a.Entity.User.Kind, b.Entity.User.Kind), cmp.Compare(a.Entity.User.Name, b.Entity.User.Name),
			cmp.Compare(a.Entity.ClientID.Kind, b.Entity.ClientID.Kind), cmp.Compare(a.Entity.ClientID.Name, b.Entity.ClientID.Name))
	})
	return entries, nil
}

func all[T any](list []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(list, func(x T) bool { return !holds(x) })
}

// check refuses what Kafka refuses.
func (c Component) check(seen map[string]bool) error {
	switch {
	case c.Type == "":
		return orrery.Errorf(orrery.Invalid, "Invalid empty entity type.")
	case seen[c.Type]:
		return orrery.Errorf(orrery.Invalid, "Entity type %s cannot appear more than once in the filter.", c.Type)
	case c.Type != EntityUser && c.Type != EntityClientID && c.Type != entityIP:
		return orrery.Errorf(orrery.UnsupportedValue, "Unsupported entity type %.50q", c.Type)
	case c.MatchType < MatchExact || c.MatchType > MatchSpecified:
		return orrery.Errorf(orrery.Invalid, "Unknown match type %d", c.MatchType)
	case c.MatchType == MatchExact && c.Match == nil:
		return orrery.Errorf(orrery.Invalid, "The filter component for %s matches exactly and names nothing", c.Type)
	case c.MatchType != MatchExact && c.Match != nil:
		return orrery.Errorf(orrery.Invalid, "The filter component for %s names something and does not match exactly", c.Type)
	}
	return nil
}

func (c Component) matches(e Entity) bool {
	part := Part{}
	switch c.Type {
	case EntityUser:
		part = e.User
	case EntityClientID:
		part = e.ClientID
	}
	switch c.MatchType {
	case MatchExact:
		return part == Named(*c.Match)
	case MatchDefault:
		return part.Kind == PartDefault
	default:
		return part.Kind != PartAbsent
	}
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

func rounded(value float64) int64 { return int64(math.Round(min(value, maxUnits))) }

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

package quota

import (
	"strings"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
)

// Types of entity of Kafka's client quotas. Quotas of addresses are not the tenant's to set.
const (
	EntityUser     = "user"
	EntityClientID = "client-id"
	entityIP       = "ip"
)

// MaxEntityName bounds the name of a user or client id, in bytes.
const MaxEntityName = 255

// principalType begins a principal in ACLs, and not in quotas.
const principalType = "User:"

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
	Type string  `json:"type"`
	Name *string `json:"name,omitempty"`
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
		case n.Type == EntityUser && strings.HasPrefix(*n.Name, principalType):
			return Entity{}, orrery.Errorf(orrery.Invalid, "A quota's user is named without %q: %.50q", principalType, strings.TrimPrefix(*n.Name, principalType))
		case len(*n.Name) > MaxEntityName:
			return Entity{}, orrery.Errorf(orrery.Invalid, "The name of a %s has at most %d bytes", n.Type, MaxEntityName)
		case !utf8.ValidString(*n.Name): // it would be stored as another one
			return Entity{}, orrery.Errorf(orrery.Invalid, "The name of a %s must be UTF-8", n.Type)
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

// String is for people and for the rule of what was throttled: "user sa-1, every client-id".
func (e Entity) String() string {
	var parts []string
	for _, n := range e.Names() {
		if n.Name == nil {
			parts = append(parts, "every "+n.Type)
		} else {
			parts = append(parts, n.Type+" "+*n.Name)
		}
	}
	return strings.Join(parts, ", ")
}

package quota

import (
	"cmp"
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery"
)

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

package authz

import (
	"maps"
	"slices"
	"strings"
)

// Rule is one thing that allows or denies: an ACL, or what a role binding gives on one pattern. Exactly one of ACL and
// Binding is not nil. It never changes.
type Rule struct {
	ACL     *ACL
	Binding *Binding
	// allow and deny are what it decides, and named is allow without what is only implied.
	allow, deny, named OperationSet
}

// pattern is the rules of one name in a section, literal or prefix. It never changes: another version of it replaces it.
type pattern struct {
	rules              []Rule
	allow, deny, named OperationSet // of all the rules
}

func newPattern(rules []Rule) *pattern {
	p := &pattern{rules: rules}
	for _, r := range rules {
		p.allow, p.deny, p.named = p.allow|r.allow, p.deny|r.deny, p.named|r.named
	}
	return p
}

// rule returns the first rule that denies, or allows, an operation; nil where none does.
func (p *pattern) rule(o Operation, deny bool) *Rule {
	if p == nil || deny && !p.deny.Has(o) || !deny && !p.allow.Has(o) {
		return nil
	}
	for i := range p.rules {
		r := &p.rules[i]
		if deny && r.deny.Has(o) || !deny && r.allow.Has(o) {
			return r
		}
	}
	return nil
}

// bound returns the first rule of a role binding that allows an operation; nil where none does.
func (p *pattern) bound(o Operation) *Rule {
	if p == nil {
		return nil
	}
	for i := range p.rules {
		if r := &p.rules[i]; r.Binding != nil && r.allow.Has(o) {
			return r
		}
	}
	return nil
}

// prefix is a prefix pattern in a section. Those that cover a name form a chain from the longest to the shortest, by
// parent, and each knows what all from itself on decide.
type prefix struct {
	name string
	*pattern
	parent      int32 // index of the longest other prefix that begins name, or -1
	allow, deny OperationSet
}

func byName(p prefix, name string) int { return strings.Compare(p.name, name) }

// section is all that is said to one principal, from one host or from every host, about one type of resource. It never
// changes. To look a name up takes one map access and one binary search, however many rules there are.
type section struct {
	every    *pattern            // the literal "*"; may be nil
	literals map[string]*pattern // the other literal patterns, by name
	prefixes []prefix            // by name
	// named and deny are of all the literals and prefixes.
	named, deny OperationSet
}

// longest returns the index of the longest prefix that begins name, or -1.
//
// In the order of their names it is the last prefix that is not behind name, or one that begins that one: whatever is
// between a beginning of name and name begins the same.
func (s *section) longest(name string) int32 {
	low, high := 0, len(s.prefixes)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if s.prefixes[middle].name <= name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	i := int32(low - 1)
	if i < 0 {
		return i
	}
	common := commonLength(s.prefixes[i].name, name)
	for i >= 0 && len(s.prefixes[i].name) > common {
		i = s.prefixes[i].parent
	}
	return i
}

// commonLength is the number of bytes with which both begin.
func commonLength(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// hit is what of a section covers a name.
type hit struct {
	section        *section
	every, literal *pattern
	prefix         int32 // -1 for none
}

func (s *section) find(name string) hit {
	h := hit{section: s, every: s.every, prefix: -1}
	if len(s.literals) > 0 {
		h.literal = s.literals[name]
	}
	if len(s.prefixes) > 0 {
		h.prefix = s.longest(name)
	}
	return h
}

func (h *hit) decides() (allow, deny OperationSet) {
	if h.every != nil {
		allow, deny = h.every.allow, h.every.deny
	}
	if h.literal != nil {
		allow, deny = allow|h.literal.allow, deny|h.literal.deny
	}
	if h.prefix >= 0 {
		p := &h.section.prefixes[h.prefix]
		allow, deny = allow|p.allow, deny|p.deny
	}
	return allow, deny
}

// rule returns the rule by which the hit denies, or allows, an operation: of several the most specific.
func (h *hit) rule(o Operation, deny bool) *Rule {
	if r := h.literal.rule(o, deny); r != nil {
		return r
	}
	for i := h.prefix; i >= 0; i = h.section.prefixes[i].parent {
		if r := h.section.prefixes[i].rule(o, deny); r != nil {
			return r
		}
	}
	return h.every.rule(o, deny)
}

// patternKey names a pattern in a section.
type patternKey struct {
	prefixed bool
	name     string
}

// everyKey is the key of section.every.
var everyKey = patternKey{name: wildcard}

// get returns the pattern of a key, nil where there is none; s may be nil.
func (s *section) get(k patternKey) *pattern {
	switch {
	case s == nil:
		return nil
	case k == everyKey:
		return s.every
	case !k.prefixed:
		return s.literals[k.name]
	}
	i, ok := slices.BinarySearchFunc(s.prefixes, k.name, byName)
	if !ok {
		return nil
	}
	return s.prefixes[i].pattern
}

// with returns a section in which some patterns are others, or, where they are nil, gone; nil where nothing is left.
// It copies the section but not its patterns. s, which may be nil, is not changed.
func (s *section) with(changed map[patternKey]*pattern) *section {
	if s == nil {
		s = &section{}
	}
	next := &section{every: s.every, literals: s.literals, prefixes: s.prefixes}
	var prefixes []prefix
	literals := 0
	for k, p := range changed {
		switch {
		case k == everyKey:
			next.every = p
		case k.prefixed:
			prefixes = append(prefixes, prefix{name: k.name, pattern: p})
		default:
			if literals++; literals == 1 {
				next.literals = cloned(s.literals)
			}
			if p == nil {
				delete(next.literals, k.name)
			} else {
				next.literals[k.name] = p
			}
		}
	}
	if len(prefixes) > 0 {
		next.prefixes = merged(s.prefixes, prefixes)
		link(next.prefixes)
	}
	if next.every == nil && len(next.literals) == 0 && len(next.prefixes) == 0 {
		return nil
	}
	for _, p := range next.literals {
		next.named, next.deny = next.named|p.named, next.deny|p.deny
	}
	for i := range next.prefixes {
		p := next.prefixes[i].pattern
		next.named, next.deny = next.named|p.named, next.deny|p.deny
	}
	return next
}

// cloned is maps.Clone that never returns nil.
func cloned[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

// merged puts changed, in any order and with nil patterns for what is gone, into prefixes, and returns a new slice.
func merged(prefixes, changed []prefix) []prefix {
	slices.SortFunc(changed, func(a, b prefix) int { return strings.Compare(a.name, b.name) })
	all := make([]prefix, 0, len(prefixes)+len(changed))
	for _, c := range changed {
		n, replaces := slices.BinarySearchFunc(prefixes, c.name, byName)
		all = append(all, prefixes[:n]...)
		if prefixes = prefixes[n:]; replaces {
			prefixes = prefixes[1:]
		}
		if c.pattern != nil {
			all = append(all, c)
		}
	}
	return append(all, prefixes...)
}

// link sets the parent of each prefix, and what it and the shorter ones decide.
func link(prefixes []prefix) {
	for i := range prefixes {
		p := &prefixes[i]
		p.parent = int32(i) - 1
		for p.parent >= 0 && !strings.HasPrefix(p.name, prefixes[p.parent].name) {
			p.parent = prefixes[p.parent].parent
		}
		p.allow, p.deny = p.pattern.allow, p.pattern.deny
		if p.parent >= 0 {
			p.allow, p.deny = p.allow|prefixes[p.parent].allow, p.deny|prefixes[p.parent].deny
		}
	}
}

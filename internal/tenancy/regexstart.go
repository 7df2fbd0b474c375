package tenancy

import (
	"regexp/syntax"
	"slices"
)

// An expression matches from the start of a name either nothing, under conditions about the start, or something,
// after which the start does not matter any more. atStart puts the two together.

// atStart returns what matches behind the prefix where n matches from the start of a name.
func atStart(n node) node {
	if !n.knowsStart() {
		return n.afterStart()
	}
	switch n.Op {
	case syntax.OpConcat:
		start, after, knows := empty, empty, false // of the parts behind
		for _, sub := range backward(n) {
			if knows && sub.mayBeEmpty() {
				start = choice(sequence(something(sub), after), sequence(emptiness(sub), start))
			} else {
				start, knows = sequence(atStart(sub), after), sub.knowsStart()
			}
			after = sequence(sub.afterStart(), after)
		}
		return start
	case syntax.OpAlternate:
		var parts []node
		for _, sub := range n.subs() {
			parts = append(parts, atStart(sub))
		}
		return choice(parts...)
	case syntax.OpRepeat:
		return atStart(n.expanded())
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		return choice(something(n), emptiness(n))
	default:
		return emptiness(n)
	}
}

// something returns what matches behind the prefix where n matches more than nothing from the start of a name.
func something(n node) node {
	if !n.mayBeEmpty() && !n.knowsStart() {
		return n.afterStart()
	}
	switch n.Op {
	case syntax.OpConcat:
		some, after := nothing, empty // of the parts behind
		for _, sub := range backward(n) {
			some = choice(sequence(something(sub), after), sequence(emptiness(sub), some))
			after = sequence(sub.afterStart(), after)
		}
		return some
	case syntax.OpAlternate:
		var parts []node
		for _, sub := range n.subs() {
			parts = append(parts, something(sub))
		}
		return choice(parts...)
	case syntax.OpRepeat:
		return something(n.expanded())
	case syntax.OpStar, syntax.OpPlus:
		sub := node{n.Sub[0]}
		return sequence(something(sub), of(syntax.OpStar, n.Flags, sub.afterStart()))
	case syntax.OpQuest:
		return something(node{n.Sub[0]})
	default: // an assertion
		return nothing
	}
}

// backward returns the parts of n from the last to the first.
func backward(n node) []node {
	subs := n.subs()
	slices.Reverse(subs)
	return subs
}

// emptiness returns a condition, behind the prefix, for n to match nothing at the start of a name.
func emptiness(n node) node {
	switch n.Op {
	case syntax.OpConcat, syntax.OpAlternate:
		var parts []node
		for _, sub := range n.subs() {
			parts = append(parts, emptiness(sub))
		}
		if n.Op == syntax.OpConcat {
			return sequence(parts...)
		}
		for _, part := range parts {
			if part.Op == syntax.OpEmptyMatch {
				return empty
			}
		}
		return choice(parts...)
	case syntax.OpRepeat:
		return emptiness(n.expanded())
	case syntax.OpPlus:
		return emptiness(node{n.Sub[0]})
	case syntax.OpStar, syntax.OpQuest, syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpBeginLine:
		return empty
	// Before the start there is nothing, behind the prefix a "_": what is a word's boundary there is none here.
	case syntax.OpWordBoundary:
		return of(syntax.OpNoWordBoundary, n.Flags)
	case syntax.OpNoWordBoundary:
		return of(syntax.OpWordBoundary, n.Flags)
	case syntax.OpEndText, syntax.OpEndLine:
		return n.afterStart()
	default:
		return nothing
	}
}

// afterStart returns n for where a name has begun already: \A does not match there. The end of a text is written in
// the one way that means the same everywhere.
func (n node) afterStart() node {
	switch n.Op {
	case syntax.OpBeginText:
		return nothing
	case syntax.OpEndText:
		return of(syntax.OpEndText, n.Flags&^syntax.WasDollar)
	case syntax.OpConcat, syntax.OpAlternate:
		var parts []node
		for _, sub := range n.subs() {
			parts = append(parts, sub.afterStart())
		}
		if n.Op == syntax.OpConcat {
			return sequence(parts...)
		}
		return choice(parts...)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return n.repeating(node{n.Sub[0]}.afterStart())
	}
	return n
}

// repeating is n, a repetition, of another part.
func (n node) repeating(sub node) node {
	if sub.Op == syntax.OpNoMatch {
		if n.Op == syntax.OpPlus || n.Op == syntax.OpRepeat && n.Min > 0 {
			return nothing
		}
		return empty
	}
	copied := *n.Regexp
	copied.Sub = []*syntax.Regexp{sub.Regexp}
	return node{&copied}
}

// knowsStart reports whether n, at the start of a name, looks at what is before it.
func (n node) knowsStart() bool {
	switch n.Op {
	case syntax.OpBeginText, syntax.OpBeginLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	case syntax.OpConcat:
		for _, sub := range n.subs() {
			if sub.knowsStart() {
				return true
			}
			if !sub.mayBeEmpty() {
				return false
			}
		}
		return false
	}
	for _, sub := range n.subs() {
		if sub.knowsStart() {
			return true
		}
	}
	return false
}

// mayBeEmpty reports whether n may match nothing.
func (n node) mayBeEmpty() bool {
	switch n.Op {
	case syntax.OpNoMatch, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpLiteral:
		return len(n.Rune) == 0
	case syntax.OpPlus:
		return node{n.Sub[0]}.mayBeEmpty()
	case syntax.OpRepeat:
		return n.Min == 0 || node{n.Sub[0]}.mayBeEmpty()
	case syntax.OpConcat:
		for _, sub := range n.subs() {
			if !sub.mayBeEmpty() {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range n.subs() {
			if sub.mayBeEmpty() {
				return true
			}
		}
		return false
	}
	return true // assertions, star, quest, the empty match
}

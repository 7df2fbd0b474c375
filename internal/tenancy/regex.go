package tenancy

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/orrery-kafka/orrery"
)

const (
	// maxRegex bounds what a tenant may send as a regular expression, in bytes, and maxPhysicalRegex what becomes of
	// it: a class such as \p{L} is written out.
	maxRegex, maxPhysicalRegex = 1024, 16 << 10
	// maxRegexSize bounds its characters, classes and operators, with repetitions counted as often as they repeat.
	// The broker matches it against every name, step by step, while other tenants wait.
	maxRegexSize = 2000
)

// The broker matches a whole physical name (KIP-848, KIP-994): what a tenant's expression must match is what comes
// after the prefix. PREFIX(?:EXPRESSION) says that, but for what depends on where a name begins: ^ and \A, which
// never match after a prefix, and \b and \B, which there stand behind the "_" that ends the prefix. So the
// expression is taken apart, what it says about the beginning is resolved, and it is written anew. Writing it anew,
// rather than quoting it, is also what keeps it inside its parentheses whatever it holds, and what leaves Go's and
// the broker's dialects of RE2 (RE2/J) no choice: groups lose their names, classes are lists of characters.
const regexOpen, regexClose = "(?:", ")"

// PhysicalRegex returns the regular expression that matches a physical name, as a whole, where the tenant's
// expression matches the logical name as a whole, and no name of another tenant. Equal expressions have equal
// results, whichever gateway computes them. The error is Invalid: the expression does not parse as RE2 (Go's
// dialect), or is too large.
func (p Prefix) PhysicalRegex(expression string) (string, error) {
	if len(expression) > maxRegex {
		return "", orrery.Errorf(orrery.Invalid, "the regular expression has %d bytes; at most %d are allowed", len(expression), maxRegex)
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", orrery.Errorf(orrery.Invalid, "the regular expression is not valid: %.200v", err)
	}
	inner, ok := atStart(withoutCaptures(parsed)).text()
	if !ok || len(inner) > maxPhysicalRegex {
		return "", orrery.Errorf(orrery.Invalid, "the regular expression is too large: with its repetitions written out, at most %d characters and operators are allowed", maxRegexSize)
	}
	return regexp.QuoteMeta(string(p)) + regexOpen + inner + regexClose, nil
}

// LogicalRegex returns the expression inside one that PhysicalRegex made, and false for any other. It matches what
// the tenant's own did, but need not be written as it was.
func (p Prefix) LogicalRegex(physical string) (string, bool) {
	inner, ok := strings.CutPrefix(physical, regexp.QuoteMeta(string(p))+regexOpen)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, regexClose)
}

// node is a part of an expression; the methods make new ones and leave it as it is.
type node struct{ *syntax.Regexp }

func withoutCaptures(re *syntax.Regexp) node {
	if re.Op == syntax.OpCapture {
		return withoutCaptures(re.Sub[0])
	}
	copied := *re
	copied.Sub = nil
	for _, sub := range re.Sub {
		copied.Sub = append(copied.Sub, withoutCaptures(sub).Regexp)
	}
	return node{&copied}
}

func (n node) subs() []node {
	subs := make([]node, len(n.Sub))
	for i, sub := range n.Sub {
		subs[i] = node{sub}
	}
	return subs
}

func of(op syntax.Op, flags syntax.Flags, subs ...node) node {
	made := &syntax.Regexp{Op: op, Flags: flags}
	for _, sub := range subs {
		made.Sub = append(made.Sub, sub.Regexp)
	}
	return node{made}
}

var (
	nothing = of(syntax.OpNoMatch, 0) // matches nowhere
	empty   = of(syntax.OpEmptyMatch, 0)
)

// sequence is its parts one after another.
func sequence(parts ...node) node {
	var kept []node
	for _, part := range parts {
		switch part.Op {
		case syntax.OpNoMatch:
			return nothing
		case syntax.OpEmptyMatch:
		default:
			kept = append(kept, part)
		}
	}
	switch len(kept) {
	case 0:
		return empty
	case 1:
		return kept[0]
	}
	return of(syntax.OpConcat, 0, kept...)
}

// choice is any of its parts.
func choice(parts ...node) node {
	var kept []node
	for _, part := range parts {
		if part.Op != syntax.OpNoMatch {
			kept = append(kept, part)
		}
	}
	switch len(kept) {
	case 0:
		return nothing
	case 1:
		return kept[0]
	}
	return of(syntax.OpAlternate, 0, kept...)
}

// text writes the expression so that Go and RE2/J read the same. ok is false where it is too large.
func (n node) text() (text string, ok bool) {
	if n.size(maxRegexSize) > maxRegexSize {
		return "", false
	}
	text = withoutCaptures(n.Regexp).String() // of a copy: String takes parts that occur twice for one
	// Flags that are the default are written all the same; they are left out where that changes nothing.
	inner, found := strings.CutPrefix(text, "(?-s:")
	if inner, closed := strings.CutSuffix(inner, ")"); found && closed {
		if parsed, err := syntax.Parse(inner, syntax.Perl); err == nil && parsed.String() == text {
			return inner, true
		}
	}
	return text, true
}

// size counts as maxRegexSize says, and stops soon after limit.
func (n node) size(limit int) int {
	size, times := 1, 1
	switch n.Op {
	case syntax.OpLiteral:
		size = len(n.Rune)
	case syntax.OpRepeat:
		times = max(n.Min, n.Max, 1)
	}
	for _, sub := range n.subs() {
		if size > limit {
			break
		}
		size += times * sub.size((limit-size)/times)
	}
	return size
}

// expanded is a repetition written out, or what is too large where that is.
func (n node) expanded() node {
	if n.size(maxRegexSize) > maxRegexSize {
		return node{&syntax.Regexp{Op: syntax.OpLiteral, Rune: make([]rune, maxRegexSize+1)}}
	}
	return withoutCaptures(n.Simplify())
}

package mem

import (
	"cmp"
	"hash/maphash"
	"strings"
)

// key places a value: in a space (a table, one of its indexes, a queue), by number and then by id.
type key struct {
	space  string
	number int64
	id     string
}

func (k key) compare(other key) int {
	return cmp.Or(strings.Compare(k.space, other.space), cmp.Compare(k.number, other.number), strings.Compare(k.id, other.id))
}

// value is what a key leads to; which of the fields are used depends on the space.
type value struct {
	document []byte    // never changed once stored
	cache    *rowCache // of a row's document
	number   int64
	place    string
}

// node is the root of a treap: a search tree by key that is also a heap by priority, so that it stays balanced. It
// is immutable. A change copies the path to what changed and shares the rest, so an older root stays what it was:
// that is what makes a snapshot, a rollback and a commit one pointer each. The nil node is the empty tree.
type node struct {
	key         key
	value       value
	priority    uint64
	size        int
	left, right *node
}

var seed = maphash.MakeSeed()

func newNode(k key, v value) *node {
	return &node{key: k, value: v, priority: maphash.Comparable(seed, k), size: 1}
}

func (n *node) len() int {
	if n == nil {
		return 0
	}
	return n.size
}

// with returns a copy of n over other children.
func (n *node) with(left, right *node) *node {
	c := *n
	c.left, c.right, c.size = left, right, left.len()+right.len()+1
	return &c
}

// get returns the value of a key.
func (n *node) get(k key) (value, bool) {
	for n != nil {
		switch c := k.compare(n.key); {
		case c == 0:
			return n.value, true
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return value{}, false
}

// put returns the tree with a value for a key.
func (n *node) put(k key, v value) *node {
	less, greater := n.split(k)
	return less.join(newNode(k, v)).join(greater)
}

// remove returns the tree without a key; n itself where it has none.
func (n *node) remove(k key) *node {
	if _, ok := n.get(k); !ok {
		return n
	}
	less, greater := n.split(k)
	return less.join(greater)
}

// split returns what is before and what is after a key; the key itself is in neither.
func (n *node) split(k key) (less, greater *node) {
	if n == nil {
		return nil, nil
	}
	switch c := k.compare(n.key); {
	case c == 0:
		return n.left, n.right
	case c < 0:
		less, greater = n.left.split(k)
		return less, n.with(greater, n.right)
	default:
		less, greater = n.right.split(k)
		return n.with(n.left, less), greater
	}
}

// join returns both trees in one; every key of n must be before every key of other.
func (n *node) join(other *node) *node {
	switch {
	case n == nil:
		return other
	case other == nil:
		return n
	case n.priority > other.priority:
		return n.with(n.left, n.right.join(other))
	default:
		return other.with(n.join(other.left), other.right)
	}
}

// rank returns how many keys are before k.
func (n *node) rank(k key) int {
	before := 0
	for n != nil {
		if n.key.compare(k) < 0 {
			before += n.left.len() + 1
			n = n.right
		} else {
			n = n.left
		}
	}
	return before
}

// ascend calls visit with every key after k, in order, until it returns false. It reports whether it got to the end.
func (n *node) ascend(k key, visit func(key, value) bool) bool {
	if n == nil {
		return true
	}
	if n.key.compare(k) > 0 {
		if !n.left.ascend(k, visit) || !visit(n.key, n.value) {
			return false
		}
	}
	return n.right.ascend(k, visit)
}

package mem

import (
	"cmp"
	"hash/maphash"
	"strings"
	"sync"
)

// key places a value: in a space (a table, one of its indexes, a queue), by number and then by id.
type key struct {
	space  space
	number int64
	id     string
}

func (k key) compare(other key) int {
	if k.space != other.space {
		return cmp.Compare(k.space, other.space)
	}
	return cmp.Or(cmp.Compare(k.number, other.number), strings.Compare(k.id, other.id))
}

// space is the number of a space: in the order in which they were first named, which nothing depends on.
type space uint64

// spaceName names a space: a table, a field of it with a value, or a loop's queue.
type spaceName struct{ table, field, value string }

// spaces numbers them. There are as many as there ever were values of indexed fields.
type spaces struct {
	mu      sync.RWMutex
	numbers map[spaceName]space
}

func (s *spaces) of(name spaceName) space {
	s.mu.RLock()
	number, ok := s.numbers[name]
	s.mu.RUnlock()
	if ok {
		return number
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if number, ok = s.numbers[name]; !ok {
		number = space(len(s.numbers))
		s.numbers[name] = number
	}
	return number
}

// value is what a key leads to; which of the fields are used depends on the space.
type value struct {
	document []byte    // never changed once stored
	cache    *rowCache // of a row's document
	number   int64
	place    string
}

// nothing is the value of a key that only says that it is there.
var nothing = new(value)

// node is the root of a treap: a search tree by key that is also a heap by priority, so that it stays balanced. It
// is immutable for all but the transaction that made it. A change copies the path to what changed and shares the rest,
// so an older root stays what it was: that is what makes a snapshot, a rollback and a commit one pointer each. The nil
// node is the empty tree.
type node struct {
	key         key
	value       *value
	priority    uint64
	size        int
	left, right *node
	maker       *tx
}

var seed = maphash.MakeSeed()

func newNode(k key, v *value, maker *tx) *node {
	return &node{key: k, value: v, priority: maphash.Comparable(seed, k), size: 1, maker: maker}
}

func (n *node) len() int {
	if n == nil {
		return 0
	}
	return n.size
}

// with returns n over other children: itself, where the transaction made it, or else a copy.
func (n *node) with(left, right *node, maker *tx) *node {
	c := n
	if n.maker != maker {
		c = new(node)
		*c = *n
		c.maker = maker
	}
	c.left, c.right, c.size = left, right, left.len()+right.len()+1
	return c
}

// get returns the value of a key.
func (n *node) get(k key) (*value, bool) {
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
	return nothing, false
}

// put returns the tree with a value for a key.
func (n *node) put(k key, v *value, maker *tx) *node {
	return n.insert(newNode(k, v, maker), maker)
}

func (n *node) insert(added *node, maker *tx) *node {
	if n == nil {
		return added
	}
	switch c := added.key.compare(n.key); {
	case c == 0:
		added.left, added.right, added.size, added.priority = n.left, n.right, n.size, n.priority
		return added
	case added.priority > n.priority:
		added.left, added.right = n.split(added.key, maker)
		added.size = added.left.len() + added.right.len() + 1
		return added
	case c < 0:
		return n.with(n.left.insert(added, maker), n.right, maker)
	default:
		return n.with(n.left, n.right.insert(added, maker), maker)
	}
}

// remove returns the tree without a key; n itself where it has none.
func (n *node) remove(k key, maker *tx) *node {
	if _, ok := n.get(k); !ok {
		return n
	}
	return n.without(k, maker)
}

// without is remove for a key that is there.
func (n *node) without(k key, maker *tx) *node {
	switch c := k.compare(n.key); {
	case c == 0:
		return n.left.join(n.right, maker)
	case c < 0:
		return n.with(n.left.without(k, maker), n.right, maker)
	default:
		return n.with(n.left, n.right.without(k, maker), maker)
	}
}

// split returns what is before and what is after a key; the key itself is in neither.
func (n *node) split(k key, maker *tx) (less, greater *node) {
	if n == nil {
		return nil, nil
	}
	switch c := k.compare(n.key); {
	case c == 0:
		return n.left, n.right
	case c < 0:
		less, greater = n.left.split(k, maker)
		return less, n.with(greater, n.right, maker)
	default:
		less, greater = n.right.split(k, maker)
		return n.with(n.left, less, maker), greater
	}
}

// join returns both trees in one; every key of n must be before every key of other.
func (n *node) join(other *node, maker *tx) *node {
	switch {
	case n == nil:
		return other
	case other == nil:
		return n
	case n.priority > other.priority:
		return n.with(n.left, n.right.join(other, maker), maker)
	default:
		return other.with(n.join(other.left, maker), other.right, maker)
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
func (n *node) ascend(k key, visit func(key, *value) bool) bool {
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

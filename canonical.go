package orrery

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
)

// CanonicalJSON re-encodes a JSON document with sorted keys and no white space, so that equal content has equal
// bytes whoever wrote it. Numbers keep their digits; of a key that is there twice the last one counts.
func CanonicalJSON(document []byte) ([]byte, error) {
	// Decode reads the first value of what may be several, and checks it.
	var first json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(document)).Decode(&first); err != nil {
		return nil, err
	}
	c := canonicalizer{in: first, out: make([]byte, 0, len(first))}
	if err := c.value(); err != nil {
		return nil, err
	}
	return c.out, nil
}

// canonicalizer goes through a valid document.
type canonicalizer struct {
	in  []byte // what is left
	out []byte
}

// member is one of an object's, by where it is in out: what is between its key and the next one's.
type member struct {
	key        string
	start, end int
}

// value copies the next value.
func (c *canonicalizer) value() error {
	switch c.space(); c.in[0] {
	case '{':
		return c.object()
	case '[':
		return c.array()
	case '"':
		_, err := c.text()
		return err
	}
	n := 0 // of a number, true, false or null
	for n < len(c.in) && !bytes.ContainsRune([]byte(" \t\r\n,:]}"), rune(c.in[n])) {
		n++
	}
	c.out, c.in = append(c.out, c.in[:n]...), c.in[n:]
	return nil
}

func (c *canonicalizer) space() { c.in = bytes.TrimLeft(c.in, " \t\r\n") }

// take takes a byte of punctuation.
func (c *canonicalizer) take() byte {
	c.space()
	b := c.in[0]
	c.in = c.in[1:]
	return b
}

// more reports whether a list goes on that ends with a byte.
func (c *canonicalizer) more(end byte) bool {
	c.space()
	return c.in[0] != end
}

func (c *canonicalizer) array() error {
	c.out = append(c.out, c.take())
	for first := true; c.more(']'); first = false {
		if !first {
			c.out = append(c.out, c.take())
		}
		if err := c.value(); err != nil {
			return err
		}
	}
	c.out = append(c.out, c.take())
	return nil
}

// object copies the members as they come, and then puts them in order.
func (c *canonicalizer) object() error {
	c.out = append(c.out, c.take())
	begin := len(c.out)
	var members []member
	sorted := true
	for c.more('}') {
		if len(members) > 0 {
			c.take() // the comma
		}
		start := len(c.out)
		c.space()
		key, err := c.text()
		if err != nil {
			return err
		}
		c.out = append(c.out, c.take()) // the colon
		if err := c.value(); err != nil {
			return err
		}
		sorted = sorted && (len(members) == 0 || members[len(members)-1].key < key)
		members = append(members, member{key, start, len(c.out)})
		c.out = append(c.out, ',')
	}
	if !sorted {
		c.sort(begin, members)
	}
	if len(members) > 0 {
		c.out = c.out[:len(c.out)-1]
	}
	c.out = append(c.out, c.take())
	return nil
}

// sort puts the members from begin on in the order of their keys, and leaves out those of a key but the last.
func (c *canonicalizer) sort(begin int, members []member) {
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	written := bytes.Clone(c.out[begin:])
	c.out = c.out[:begin]
	for i, m := range members {
		if i+1 < len(members) && members[i+1].key == m.key {
			continue
		}
		c.out = append(append(c.out, written[m.start-begin:m.end-begin]...), ',')
	}
}

// text copies the next string as package json writes it, and returns what it says.
func (c *canonicalizer) text() (string, error) {
	n := 1
	plain := true // what is written as it is
	for ; c.in[n] != '"'; n++ {
		switch b := c.in[n]; {
		case b == '\\':
			n++
			plain = false
		case b < ' ' || b > '~' || b == '<' || b == '>' || b == '&':
			plain = false
		}
	}
	raw := c.in[:n+1]
	c.in = c.in[n+1:]
	if plain {
		c.out = append(c.out, raw...)
		return string(raw[1:n]), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", err
	}
	encoded, err := json.Marshal(text)
	c.out = append(c.out, encoded...)
	return text, err
}

package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of the two halves of a key, in bytes.
const (
	MaxKind = 64
	MaxID   = 512
)

// ErrMalformed is wrapped by every error of Encode and Decode: the message itself is wrong, so neither sending
// nor reading it again can help.
var ErrMalformed = errors.New("link: malformed message")

// Encode returns the record of a message: the key KIND/ID and the JSON envelope, or a nil value for a tombstone.
// A zero version becomes WireVersion. Content goes into the envelope byte for byte: a hash of it stays valid.
func Encode(m Message) (key, value []byte, err error) {
	if err := checkKey(m.Kind, m.ID); err != nil {
		return nil, nil, err
	}
	key = []byte(m.Key())
	if m.Tombstone {
		return key, nil, nil
	}
	if m.Version == 0 {
		m.Version = WireVersion
	}
	if err := checkNumbers(m); err != nil {
		return nil, nil, fmt.Errorf("%w %q: %w", ErrMalformed, key, err)
	}
	content := m.Content
	m.Content = nil
	// The content is spliced in, because a json.RawMessage that is marshalled is compacted and escaped.
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		return nil, nil, fmt.Errorf("%w %q: %w", ErrMalformed, key, err)
	}
	value = bytes.TrimSuffix(buffer.Bytes(), []byte("}\n"))
	if len(content) > 0 {
		if len(content) <= MaxMessage && !json.Valid(content) {
			return nil, nil, fmt.Errorf("%w %q: the content is not JSON", ErrMalformed, key)
		}
		value = append(append(value, `,"content":`...), content...)
	}
	value = append(value, '}')
	if len(value) > MaxMessage {
		return nil, nil, fmt.Errorf("%w %q: it has %d bytes; at most %d are allowed", ErrMalformed, key, len(value), MaxMessage)
	}
	return key, value, nil
}

// Decode reads a record that Encode or another version of this program wrote. A nil value is a tombstone. Fields
// of the envelope that are unknown are passed over; those in the content are kept, as is everything in it.
func Decode(key, value []byte) (Message, error) {
	if len(key) > MaxKind+1+MaxID {
		return Message{}, fmt.Errorf("%w: its key has %d bytes; at most %d are allowed", ErrMalformed, len(key), MaxKind+1+MaxID)
	}
	kind, id, ok := strings.Cut(string(key), "/")
	if !ok {
		return Message{}, fmt.Errorf("%w: its key %q is not KIND/ID", ErrMalformed, key)
	}
	if err := checkKey(kind, id); err != nil {
		return Message{}, err
	}
	if value == nil {
		return Message{Kind: kind, ID: id, Tombstone: true}, nil
	}
	if len(value) > MaxMessage {
		return Message{}, fmt.Errorf("%w %q: it has %d bytes; at most %d are allowed", ErrMalformed, key, len(value), MaxMessage)
	}
	var m Message
	if err := json.Unmarshal(value, &m); err != nil {
		return Message{}, fmt.Errorf("%w %q: %w", ErrMalformed, key, err)
	}
	if m.Kind != kind || m.ID != id {
		return Message{}, fmt.Errorf("%w %q: inside it is %q", ErrMalformed, key, m.Key())
	}
	if err := checkNumbers(m); err != nil {
		return Message{}, fmt.Errorf("%w %q: %w", ErrMalformed, key, err)
	}
	return m, nil
}

func checkKey(kind, id string) error {
	switch {
	case kind == "" || id == "":
		return fmt.Errorf("%w: its key %q is not KIND/ID", ErrMalformed, kind+"/"+id)
	case len(kind) > MaxKind || len(id) > MaxID:
		return fmt.Errorf("%w: its kind has %d bytes and its id %d; at most %d and %d are allowed", ErrMalformed, len(kind), len(id), MaxKind, MaxID)
	case strings.Contains(kind, "/"):
		return fmt.Errorf("%w: its kind %q contains a slash", ErrMalformed, kind)
	case !utf8.ValidString(kind) || !utf8.ValidString(id):
		return fmt.Errorf("%w: its key %q is not UTF-8", ErrMalformed, kind+"/"+id)
	}
	return nil
}

func checkNumbers(m Message) error {
	switch {
	case m.Version < 1:
		return fmt.Errorf("its wire version is %d; the first one is 1", m.Version)
	case m.Generation.Term < 0 || m.Generation.Number < 0:
		return fmt.Errorf("its generation is %s; neither half may be negative", m.Generation)
	}
	return nil
}

package store

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
)

// What every adapter does in the same way: the form of a row, its place in a listing, and reading a query.

// Fields returns the noun's indexed fields, sorted.
func (n Noun[T]) Fields() []Field { return slices.Sorted(maps.Keys(n.Index)) }

// Encode returns the document of a row. Two rows of the same content have the same document.
func (n Noun[T]) Encode(row T) ([]byte, error) {
	if n.ID(row) == "" {
		return nil, orrery.Errorf(orrery.Internal, "a row of %s has no id", n.Table)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // a raw document inside a row stays byte for byte what was hashed
	if err := encoder.Encode(row); err != nil {
		return nil, fmt.Errorf("encoding %q of %s: %w", n.ID(row), n.Table, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads a document that Encode wrote, by this or an older version of the program.
func (n Noun[T]) Decode(document []byte) (T, error) {
	var row T
	if err := json.Unmarshal(document, &row); err != nil {
		return row, fmt.Errorf("decoding a row of %s: %w", n.Table, err)
	}
	return row, nil
}

// NotFound is the error about an id that the table does not have.
func (n Noun[T]) NotFound(id string) error {
	return orrery.Errorf(orrery.NotFound, "there is no %q among the %s", id, strings.ReplaceAll(n.Table, "_", " "))
}

// Position is a row's place in a listing: by creation, in nanoseconds since 1970, and then by id.
type Position struct {
	Created int64
	ID      string
}

// Position returns the place of a row.
func (n Noun[T]) Position(row T) Position {
	return Position{Created: Nanoseconds(n.Created(row)), ID: n.ID(row)}
}

// Compare returns -1, 0 or +1 as p is listed before, at or after other.
func (p Position) Compare(other Position) int {
	return cmp.Or(cmp.Compare(p.Created, other.Created), strings.Compare(p.ID, other.ID))
}

// Cursor returns the position as an opaque string for Page.Next.
func (p Position) Cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.Created, 10) + "/" + p.ID))
}

// ParseCursor reads what Cursor returned, or returns an Invalid error: cursors come back from users as page
// tokens.
func ParseCursor(cursor string) (Position, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	created, id, found := strings.Cut(string(text), "/")
	number, numberErr := strconv.ParseInt(created, 10, 64)
	if err != nil || numberErr != nil || !found || id == "" {
		return Position{}, orrery.Errorf(orrery.Invalid, "the page token is not one that this service gave out; start the listing again without it")
	}
	return Position{Created: number, ID: id}, nil
}

// Nanoseconds returns t in nanoseconds since 1970. A time beyond what fits (before 1678 or after 2262, so also the
// zero time) is the nearest that does.
func Nanoseconds(t time.Time) int64 {
	switch year := t.UTC().Year(); {
	case year < 1678:
		return math.MinInt64
	case year > 2261:
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

// Due returns t as a queue keeps it: nanoseconds since 1970, and 0 for "at once", which is before every time that
// a clock shows.
func Due(t time.Time) int64 { return max(0, Nanoseconds(t)) }

// DueTime returns the time that a queue keeps as due; "at once" is the first second of 1970.
func DueTime(due int64) time.Time { return time.Unix(0, due).UTC() }

// Selection is a Query that was checked against a noun.
type Selection struct {
	// Equal has the conditions in the order of their fields.
	Equal []Equal
	// After is the position that the page begins behind; nil begins at the start.
	After *Position
	// Limit is between 1 and MaxPage.
	Limit int
}

// Equal is the condition that an indexed field has a value.
type Equal struct {
	Field Field
	Value string
}

// Select checks a query: an unknown field is a fault of ours (Internal), a bad cursor one of the user's (Invalid).
func (n Noun[T]) Select(q Query) (Selection, error) {
	selection := Selection{Limit: q.Limit}
	if selection.Limit <= 0 || selection.Limit > MaxPage {
		selection.Limit = MaxPage
	}
	for _, field := range slices.Sorted(maps.Keys(q.Where)) {
		if n.Index[field] == nil {
			return Selection{}, orrery.Errorf(orrery.Internal, "%s cannot be selected by %s: it is not an indexed field", n.Table, field)
		}
		selection.Equal = append(selection.Equal, Equal{field, q.Where[field]})
	}
	if q.After != "" {
		after, err := ParseCursor(q.After)
		if err != nil {
			return Selection{}, err
		}
		selection.After = &after
	}
	return selection, nil
}

// The errors of a transaction that is used in a way that its owner did not allow. All are faults of ours.
var (
	ErrReadOnly = orrery.Errorf(orrery.Internal, "a write was tried in a read-only transaction")
	ErrEnded    = orrery.Errorf(orrery.Internal, "a transaction was used after it had ended")
)

// ErrClosed is the error of every call after Close.
var ErrClosed = orrery.Errorf(orrery.Unavailable, "the store is closed: the server is stopping")

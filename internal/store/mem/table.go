package mem

import (
	"github.com/orrery-kafka/orrery/internal/store"
)

// table keeps the rows of a noun in these spaces: by id, the document; by creation; and for each value of each indexed
// field, by creation, those rows that have the value.
type table[T any] struct {
	tx   *tx
	noun store.Noun[T]
}

func (t table[T]) row(id string) key { return key{space: t.tx.space(t.noun.Table, "id", ""), id: id} }

func (t table[T]) all() space { return t.tx.space(t.noun.Table, "", "") }

func (t table[T]) with(field store.Field, value string) space {
	return t.tx.space(t.noun.Table, string(field)+"=", value)
}

// places returns where a row is listed, one place for each space and in their order.
func (t table[T]) places(row T) []key {
	position := t.noun.Position(row)
	places := []key{{t.all(), position.Created, position.ID}}
	for _, field := range t.noun.Fields() {
		places = append(places, key{t.with(field, t.noun.Index[field](row)), position.Created, position.ID})
	}
	return places
}

// Get implements store.Table.
func (t table[T]) Get(id string) (row T, err error) {
	if err := t.tx.readable(); err != nil {
		return row, err
	}
	v, ok := t.tx.root.get(t.row(id))
	if !ok {
		return row, t.noun.NotFound(id)
	}
	row, err = t.read(v)
	return copied(row), err
}

// read returns the row of a value, which must not be changed.
func (t table[T]) read(v *value) (row T, err error) {
	if row, ok := v.cache.row.Load().(T); ok {
		return row, nil
	}
	if row, err = t.noun.Decode(v.document); err == nil {
		v.cache.row.Store(row)
	}
	return row, err
}

// Put implements store.Table.
func (t table[T]) Put(row T) error {
	if err := t.tx.writeable(); err != nil {
		return err
	}
	document, err := t.noun.Encode(row)
	if err != nil {
		return err
	}
	id, listed := t.row(t.noun.ID(row)), []key(nil)
	if old, ok := t.tx.root.get(id); ok {
		if listed, err = t.listed(old); err != nil {
			return err
		}
	}
	t.tx.put(id, &value{document: document, cache: new(rowCache)})
	for i, place := range t.places(row) {
		switch {
		case listed == nil:
			t.tx.put(place, nothing)
		case listed[i] != place:
			t.tx.remove(listed[i])
			t.tx.put(place, nothing)
		}
	}
	return nil
}

// Delete implements store.Table.
func (t table[T]) Delete(id string) error {
	if err := t.tx.writeable(); err != nil {
		return err
	}
	old, ok := t.tx.root.get(t.row(id))
	if !ok {
		return nil
	}
	listed, err := t.listed(old)
	if err != nil {
		return err
	}
	t.tx.remove(t.row(id))
	for _, place := range listed {
		t.tx.remove(place)
	}
	return nil
}

// listed returns the places of a stored row.
func (t table[T]) listed(v *value) ([]key, error) {
	row, err := t.read(v)
	if err != nil {
		return nil, err
	}
	return t.places(row), nil
}

// List implements store.Table.
func (t table[T]) List(q store.Query) (page store.Page[T], err error) {
	if err := t.tx.readable(); err != nil {
		return page, err
	}
	selection, err := t.noun.Select(q)
	if err != nil {
		return page, err
	}
	var last store.Position
	t.scan(selection, func(position store.Position, v *value) bool {
		if len(page.Rows) == selection.Limit {
			page.Next = last.Cursor()
			return false
		}
		var row T
		if row, err = t.read(v); err != nil {
			return false
		}
		page.Rows, last = append(page.Rows, copied(row)), position
		return true
	})
	return page, err
}

// Count implements store.Table.
func (t table[T]) Count(q store.Query) (count int, err error) {
	if err := t.tx.readable(); err != nil {
		return 0, err
	}
	selection, err := t.noun.Select(store.Query{Where: q.Where})
	if err != nil {
		return 0, err
	}
	if len(selection.Equal) < 2 {
		all, _ := t.narrowest(selection)
		return t.size(all), nil
	}
	t.scan(selection, func(store.Position, *value) bool { count++; return true })
	return count, nil
}

// scan visits the rows of a selection in order, whatever its limit.
func (t table[T]) scan(selection store.Selection, visit func(store.Position, *value) bool) {
	from, others := t.narrowest(selection)
	start := before(from)
	if selection.After != nil {
		start = key{from, selection.After.Created, selection.After.ID}
	}
	root := t.tx.root
	root.ascend(start, func(k key, _ *value) bool {
		if k.space != from {
			return false
		}
		for _, other := range others {
			if _, ok := root.get(key{other, k.number, k.id}); !ok {
				return true
			}
		}
		v, _ := root.get(t.row(k.id))
		return visit(store.Position{Created: k.number, ID: k.id}, v)
	})
}

// narrowest returns the smallest space that has every row of a selection, and the others that have all of them too.
func (t table[T]) narrowest(selection store.Selection) (best space, others []space) {
	best = t.all()
	for i, equal := range selection.Equal {
		with := t.with(equal.Field, equal.Value)
		switch {
		case i == 0:
			best = with
		case t.size(with) < t.size(best):
			best, others = with, append(others, best)
		default:
			others = append(others, with)
		}
	}
	return best, others
}

// size returns how many keys a space has.
func (t table[T]) size(s space) int {
	return t.tx.root.rank(before(s+1)) - t.tx.root.rank(before(s))
}

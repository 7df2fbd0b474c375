package mem

import (
	"github.com/orrery-kafka/orrery/internal/store"
)

// table keeps the rows of a noun in these spaces, T being its name:
//
//	T            by id; the document
//	T/           by creation
//	T/FIELD=VAL  by creation, those rows whose indexed field has the value
type table[T any] struct {
	tx   *tx
	noun store.Noun[T]
}

func (t table[T]) row(id string) key { return key{space: t.noun.Table, id: id} }

func (t table[T]) all() string { return t.noun.Table + "/" }

func (t table[T]) with(field store.Field, value string) string {
	return t.noun.Table + "/" + string(field) + "=" + value
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
func (t table[T]) read(v value) (row T, err error) {
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
	root := t.tx.root.put(id, value{document: document, cache: new(rowCache)})
	for i, place := range t.places(row) {
		switch {
		case listed == nil:
			root = root.put(place, value{})
		case listed[i] != place:
			root = root.remove(listed[i]).put(place, value{})
		}
	}
	t.tx.root = root
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
	root := t.tx.root.remove(t.row(id))
	for _, place := range listed {
		root = root.remove(place)
	}
	t.tx.root = root
	return nil
}

// listed returns the places of a stored row.
func (t table[T]) listed(v value) ([]key, error) {
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
	t.scan(selection, func(position store.Position, v value) bool {
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
		return t.size(t.narrowest(selection)), nil
	}
	t.scan(selection, func(store.Position, value) bool { count++; return true })
	return count, nil
}

// scan visits the rows of a selection in order, whatever its limit.
func (t table[T]) scan(selection store.Selection, visit func(store.Position, value) bool) {
	space := t.narrowest(selection)
	start := before(space)
	if selection.After != nil {
		start = key{space, selection.After.Created, selection.After.ID}
	}
	root := t.tx.root
	root.ascend(start, func(k key, _ value) bool {
		if k.space != space {
			return false
		}
		for _, equal := range selection.Equal {
			if _, ok := root.get(key{t.with(equal.Field, equal.Value), k.number, k.id}); !ok {
				return true
			}
		}
		v, _ := root.get(t.row(k.id))
		return visit(store.Position{Created: k.number, ID: k.id}, v)
	})
}

// narrowest returns the smallest space that has every row of a selection.
func (t table[T]) narrowest(selection store.Selection) string {
	best := t.all()
	for i, equal := range selection.Equal {
		if space := t.with(equal.Field, equal.Value); i == 0 || t.size(space) < t.size(best) {
			best = space
		}
	}
	return best
}

// size returns how many keys a space has.
func (t table[T]) size(space string) int {
	return t.tx.root.rank(before(space+"\x00")) - t.tx.root.rank(before(space))
}

package sqlite

import (
	"database/sql"
	"strings"

	"github.com/orrery-kafka/orrery/internal/store"
)

// table is the rows of any noun: id, created_at, the indexed fields, document. Names of tables and columns come
// from declarations in package store; values are always arguments.
type table[T any] struct {
	tx   *tx
	noun store.Noun[T]
}

// Get implements store.Table.
func (t table[T]) Get(id string) (row T, err error) {
	var document []byte
	ok, err := t.tx.row("SELECT document FROM "+t.noun.Table+" WHERE id = ?", []any{id}, &document)
	if err != nil {
		return row, err
	}
	if !ok {
		return row, t.noun.NotFound(id)
	}
	return t.noun.Decode(document)
}

// Put implements store.Table.
func (t table[T]) Put(row T) error {
	document, err := t.noun.Encode(row)
	if err != nil {
		return err
	}
	position := t.noun.Position(row)
	columns, arguments := []string{"id", "created_at"}, []any{position.ID, position.Created}
	for _, field := range t.noun.Fields() {
		columns, arguments = append(columns, string(field)), append(arguments, t.noun.Index[field](row))
	}
	columns, arguments = append(columns, "document"), append(arguments, string(document))
	replaced := make([]string, 0, len(columns))
	for _, column := range columns[1:] {
		replaced = append(replaced, column+" = excluded."+column)
	}
	return t.tx.write("INSERT INTO "+t.noun.Table+" ("+strings.Join(columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(columns)-1)+
		") ON CONFLICT (id) DO UPDATE SET "+strings.Join(replaced, ", "), arguments...)
}

// Delete implements store.Table.
func (t table[T]) Delete(id string) error {
	return t.tx.write("DELETE FROM "+t.noun.Table+" WHERE id = ?", id)
}

// List implements store.Table.
func (t table[T]) List(q store.Query) (page store.Page[T], err error) {
	selection, err := t.noun.Select(q)
	if err != nil {
		return page, err
	}
	text, arguments := t.from(selection)
	text += " ORDER BY created_at, id LIMIT ?"
	arguments = append(arguments, selection.Limit+1) // one more tells whether there is a next page
	var last store.Position
	err = t.tx.rows("SELECT created_at, id, document"+text, arguments, func(rows *sql.Rows) error {
		if len(page.Rows) == selection.Limit {
			page.Next = last.Cursor()
			return nil
		}
		var document sql.RawBytes
		if err := rows.Scan(&last.Created, &last.ID, &document); err != nil {
			return err
		}
		row, err := t.noun.Decode(document)
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, row)
		return nil
	})
	return page, err
}

// Count implements store.Table.
func (t table[T]) Count(q store.Query) (count int, err error) {
	selection, err := t.noun.Select(store.Query{Where: q.Where})
	if err != nil {
		return 0, err
	}
	text, arguments := t.from(selection)
	_, err = t.tx.row("SELECT count(*)"+text, arguments, &count)
	return count, err
}

// from returns the FROM and WHERE of a selection.
func (t table[T]) from(selection store.Selection) (text string, arguments []any) {
	var conditions []string
	for _, equal := range selection.Equal {
		conditions, arguments = append(conditions, string(equal.Field)+" = ?"), append(arguments, equal.Value)
	}
	if after := selection.After; after != nil {
		conditions, arguments = append(conditions, "(created_at, id) > (?, ?)"), append(arguments, after.Created, after.ID)
	}
	text = " FROM " + t.noun.Table
	if len(conditions) > 0 {
		text += " WHERE " + strings.Join(conditions, " AND ")
	}
	return text, arguments
}

package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// rows is one table under test.
type rows[T any] struct {
	store.Noun[T]
	of    func(store.Tx) store.Table[T]
	setID func(*T, string)
}

// row makes a row whose other content depends on group and at.
func (r rows[T]) row(id, group string, at time.Time) T {
	row := fill[T](group, at)
	r.setID(&row, id)
	return row
}

// id returns what identifies the row that was made with an id in a group.
func (r rows[T]) id(id, group string) string { return r.ID(r.row(id, group, start)) }

func runTable[T any](t *testing.T, open Open, noun store.Noun[T], of func(store.Tx) store.Table[T], setID func(*T, string)) {
	r := rows[T]{noun, of, setID}
	t.Run(noun.Table, func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, Open){
			"PutGetDelete": r.testPutGetDelete,
			"Order":        r.testOrder,
			"Where":        r.testWhere,
			"Replace":      r.testReplace,
			"Paging":       r.testPaging,
			"Queries":      r.testQueries,
			"Model":        r.testModel,
		} {
			t.Run(name, func(t *testing.T) { test(t, open) })
		}
	})
}

func (r rows[T]) testPutGetDelete(t *testing.T, open Open) {
	s, _ := open(t)
	want := r.row("one", "a", start)
	id := r.ID(want)
	update(t, s, func(tx store.Tx) error {
		_, err := r.of(tx).Get(id)
		wantCode(t, err, orrery.NotFound)
		if err := r.of(tx).Put(want); err != nil {
			return err
		}
		got, err := r.of(tx).Get(id)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("within the transaction (-put +got):\n%s", diff)
		}
		return err
	})
	view(t, s, func(tx store.Tx) error {
		got, err := r.of(tx).Get(id)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after it (-put +got):\n%s", diff)
		}
		if c := r.Created(got); c.Location() != time.UTC || c.Nanosecond() != start.Nanosecond() {
			t.Errorf("the time came back as %v, want UTC with nanoseconds", c)
		}
		_, foreign := r.of(tx).Get(id + "x")
		wantCode(t, foreign, orrery.NotFound)
		return err
	})
	update(t, s, func(tx store.Tx) error {
		if err := r.of(tx).Delete(id + "x"); err != nil {
			t.Errorf("deleting what is not there: %v", err)
		}
		return r.of(tx).Delete(id)
	})
	view(t, s, func(tx store.Tx) error {
		_, err := r.of(tx).Get(id)
		wantCode(t, err, orrery.NotFound)
		r.wantList(t, tx, store.Query{})
		return nil
	})
}

// testOrder checks that a listing is by time of creation and then by id.
func (r rows[T]) testOrder(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error {
		return r.put(tx,
			r.row("k", "a", start.Add(2)), r.row("z", "a", start), r.row("b", "a", start.Add(1)), r.row("a", "a", start.Add(1)),
			r.row("old", "a", start.AddDate(-40, 0, 0)), r.row("zero", "a", time.Time{}))
	})
	view(t, s, func(tx store.Tx) error {
		r.wantList(t, tx, store.Query{}, r.id("zero", "a"), r.id("old", "a"), r.id("z", "a"), r.id("a", "a"), r.id("b", "a"), r.id("k", "a"))
		return nil
	})
}

// testWhere selects by each field, by all of them, and by a value that no row has.
func (r rows[T]) testWhere(t *testing.T, open Open) {
	s, _ := open(t)
	var all []T
	for i := range 6 {
		all = append(all, r.row(fmt.Sprint("r", i), string("ab"[i%2]), start.Add(time.Duration(i))))
	}
	update(t, s, func(tx store.Tx) error { return r.put(tx, all...) })
	view(t, s, func(tx store.Tx) error {
		everything := map[store.Field]string{}
		for _, field := range r.Fields() {
			value := r.Index[field](all[1])
			everything[field] = value
			if r.Index[field](all[0]) == value {
				t.Fatalf("the field %s does not distinguish the groups: the test proves nothing", field)
			}
			r.wantList(t, tx, store.Where(field, value), r.ID(all[1]), r.ID(all[3]), r.ID(all[5]))
			r.wantList(t, tx, store.Where(field, "none such"))
			r.wantList(t, tx, store.Where(field, ""))
		}
		if len(everything) > 0 {
			r.wantList(t, tx, store.Query{Where: everything}, r.ID(all[1]), r.ID(all[3]), r.ID(all[5]))
		}
		if fields := r.Fields(); len(fields) > 1 {
			everything[fields[0]] = r.Index[fields[0]](all[0])
			r.wantList(t, tx, store.Query{Where: everything})
		}
		return nil
	})
}

// testReplace moves a row from one group, and one place, to another.
func (r rows[T]) testReplace(t *testing.T, open Open) {
	if r.id("x", "a") != r.id("x", "b") {
		r.testReplaceNothingElse(t, open)
		return
	}
	s, _ := open(t)
	old, changed := r.row("x", "a", start), r.row("x", "b", start.Add(9))
	update(t, s, func(tx store.Tx) error { return r.put(tx, old, r.row("y", "b", start.Add(5))) })
	update(t, s, func(tx store.Tx) error { return r.put(tx, changed) })
	view(t, s, func(tx store.Tx) error {
		r.wantList(t, tx, store.Query{}, r.id("y", "b"), r.id("x", "b"))
		for _, field := range r.Fields() {
			r.wantList(t, tx, store.Where(field, r.Index[field](old)))
			r.wantList(t, tx, store.Where(field, r.Index[field](changed)), r.id("y", "b"), r.id("x", "b"))
		}
		got, err := r.of(tx).Get(r.ID(changed))
		if diff := cmp.Diff(changed, got); diff != "" {
			t.Errorf("(-put +got):\n%s", diff)
		}
		return err
	})
}

// testReplaceNothingElse is for a noun whose id has a part that the group decides: only its place changes.
func (r rows[T]) testReplaceNothingElse(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error {
		return r.put(tx, r.row("x", "a", start), r.row("x", "b", start.Add(1)), r.row("x", "a", start.Add(2)))
	})
	view(t, s, func(tx store.Tx) error {
		r.wantList(t, tx, store.Query{}, r.id("x", "b"), r.id("x", "a"))
		return nil
	})
}

// testPaging pages while rows come and go: every row that stays is seen once, in order.
func (r rows[T]) testPaging(t *testing.T, open Open) {
	s, _ := open(t)
	const count = 20
	stays := map[string]bool{}
	update(t, s, func(tx store.Tx) error {
		for i := range count {
			row := r.row(fmt.Sprintf("r%02d", i), "a", start.Add(time.Duration(i/2))) // two of each instant
			stays[r.ID(row)] = true
			if err := r.put(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
	var seen []string
	q := store.Query{Limit: 3}
	if fields := r.Fields(); len(fields) > 0 {
		q.Where = map[store.Field]string{fields[0]: r.Index[fields[0]](r.row("", "a", start))}
	}
	for page := 0; page == 0 || q.After != ""; page++ {
		if page > count {
			t.Fatal("paging does not end")
		}
		var last string
		view(t, s, func(tx store.Tx) error {
			p, err := r.of(tx).List(q)
			for _, row := range p.Rows {
				last = r.ID(row)
				seen = append(seen, last)
			}
			q.After = p.Next
			return err
		})
		update(t, s, func(tx store.Tx) error { // the cursor's own row goes; one comes before it and one at the end
			delete(stays, last)
			early := r.row(fmt.Sprintf("early%02d", page), "a", start.Add(-1))
			if err := r.of(tx).Delete(last); err != nil || page > 0 {
				return err
			}
			late := r.row("late", "a", start.Add(count))
			stays[r.ID(late)] = true
			return r.put(tx, early, late)
		})
	}
	if len(seen) != count+1 || !slices.IsSorted(seen[:count]) {
		t.Errorf("the pages had %d rows, want %d in order: %q", len(seen), count+1, seen)
	}
	for id := range stays {
		if !slices.Contains(seen, id) {
			t.Errorf("%s was there all the time and on no page", id)
		}
	}
}

// testQueries checks what a query may be wrong about.
func (r rows[T]) testQueries(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error { return r.put(tx, r.row("x", "a", start), r.row("y", "a", start)) })
	view(t, s, func(tx store.Tx) error {
		for _, cursor := range []string{"!", "bm90aGluZw", "x y z", "MTIv"} {
			_, err := r.of(tx).List(store.Query{After: cursor})
			wantCode(t, err, orrery.Invalid)
		}
		_, err := r.of(tx).List(store.Where("no_such_field", "x"))
		wantCode(t, err, orrery.Internal)
		_, err = r.of(tx).Count(store.Where("no_such_field", "x"))
		wantCode(t, err, orrery.Internal)
		page, err := r.of(tx).List(store.Query{Limit: 1})
		if len(page.Rows) != 1 || page.Next == "" {
			t.Errorf("a page of one has %d rows and Next %q", len(page.Rows), page.Next)
		}
		rest, err2 := r.of(tx).List(store.Query{After: page.Next, Limit: 1})
		if len(rest.Rows) != 1 || rest.Next != "" {
			t.Errorf("the last page has %d rows and Next %q", len(rest.Rows), rest.Next)
		}
		if n, err := r.of(tx).Count(store.Query{After: page.Next, Limit: 1}); n != 2 || err != nil {
			t.Errorf("Count is %d (%v), want 2 whatever After and Limit say", n, err)
		}
		if err == nil {
			err = err2
		}
		return err
	})
}

// testModel compares many random changes, some rolled back, with a plain map.
func (r rows[T]) testModel(t *testing.T, open Open) {
	s, _ := open(t)
	random := rand.New(rand.NewPCG(1, 2))
	model := map[string]T{}
	for range 40 {
		next := maps.Clone(model)
		failure := error(nil)
		if random.IntN(4) == 0 {
			failure = orrery.Errorf(orrery.Conflict, "rolled back on purpose")
		}
		err := s.Update(testContextFor(t), func(tx store.Tx) error {
			for range random.IntN(6) {
				row := r.row(fmt.Sprint("r", random.IntN(12)), string("ab"[random.IntN(2)]), start.Add(time.Duration(random.IntN(5))))
				if random.IntN(3) == 0 {
					delete(next, r.ID(row))
					if err := r.of(tx).Delete(r.ID(row)); err != nil {
						return err
					}
					continue
				}
				next[r.ID(row)] = row
				if err := r.put(tx, row); err != nil {
					return err
				}
			}
			r.wantModel(t, tx, next)
			return failure
		})
		if orrery.ErrorCode(err) != orrery.ErrorCode(failure) {
			t.Fatalf("Update returned %v, want %v", err, failure)
		}
		if failure == nil {
			model = next
		}
		view(t, s, func(tx store.Tx) error { r.wantModel(t, tx, model); return nil })
	}
}

// wantModel checks that a table has the rows of model, as a whole and by each field.
func (r rows[T]) wantModel(t *testing.T, tx store.Tx, model map[string]T) {
	t.Helper()
	sorted := slices.SortedFunc(maps.Values(model), func(a, b T) int { return r.Position(a).Compare(r.Position(b)) })
	ids := func(keep func(T) bool) (ids []string) {
		for _, row := range sorted {
			if keep(row) {
				ids = append(ids, r.ID(row))
			}
		}
		return ids
	}
	r.wantList(t, tx, store.Query{}, ids(func(T) bool { return true })...)
	for _, field := range r.Fields() {
		value := r.Index[field](r.row("", "a", start))
		r.wantList(t, tx, store.Where(field, value), ids(func(row T) bool { return r.Index[field](row) == value })...)
	}
}

func (r rows[T]) put(tx store.Tx, all ...T) error {
	for _, row := range all {
		if err := r.of(tx).Put(row); err != nil {
			return err
		}
	}
	return nil
}

// wantList checks what a query lists and counts.
func (r rows[T]) wantList(t *testing.T, tx store.Tx, q store.Query, want ...string) {
	t.Helper()
	page, err := r.of(tx).List(q)
	if err != nil || page.Next != "" {
		t.Fatalf("List(%v): error %v, Next %q", q, err, page.Next)
	}
	var got []string
	for _, row := range page.Rows {
		got = append(got, r.ID(row))
	}
	if !slices.Equal(got, want) {
		t.Errorf("List(%v) has %q, want %q", q.Where, got, want)
	}
	if n, err := r.of(tx).Count(q); n != len(want) || err != nil {
		t.Errorf("Count(%v) is %d (%v), want %d", q.Where, n, err, len(want))
	}
}

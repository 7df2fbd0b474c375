package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// environment is what these tests write.
func environment(id string) orrery.Environment {
	e := fill[orrery.Environment]("a", start)
	e.ID = id
	return e
}

func wantEnvironments(t *testing.T, tx store.Tx, want int) {
	t.Helper()
	if n, err := tx.Environments().Count(store.Query{}); n != want || err != nil {
		t.Errorf("there are %d environments (%v), want %d", n, err, want)
	}
}

// change writes to every kind of thing in a store.
func change(tx store.Tx) error {
	return errors.Join(
		tx.Environments().Put(environment("env-2")), tx.Environments().Delete("env-1"), tx.SetMeta("term", "2"),
		tx.Queue().Add("place", "b"), tx.Queue().Done("place", "a"))
}

func testRollback(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.Environments().Put(environment("env-1")), tx.SetMeta("term", "1"), tx.Queue().Add("place", "a"))
	})
	cause := errors.New("on purpose")
	err := s.Update(testContextFor(t), func(tx store.Tx) error {
		if err := change(tx); err != nil {
			t.Errorf("changing: %v", err)
		}
		return cause
	})
	if !errors.Is(err, cause) {
		t.Errorf("Update returned %v, want what f returned", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(testContextFor(t), func(tx store.Tx) error {
			if err := change(tx); err != nil {
				t.Errorf("changing: %v", err)
			}
			panic("on purpose")
		})
	}()
	view(t, s, func(tx store.Tx) error {
		wantEnvironments(t, tx, 1)
		_, err := tx.Environments().Get("env-1")
		term, metaErr := tx.Meta("term")
		keys, queueErr := tx.Queue().Due("place", start, 10)
		if term != "1" || !cmp.Equal(keys, []string{"a"}) {
			t.Errorf("after two rollbacks: term %q, queue %q", term, keys)
		}
		return errors.Join(err, metaErr, queueErr)
	})
	update(t, s, change) // the store is still usable
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Environments().Get("env-2")
		return err
	})
}

func testReadOnly(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error { return tx.Environments().Put(environment("env-1")) })
	view(t, s, func(tx store.Tx) error {
		for name, err := range writes(tx) {
			var domain *orrery.Error
			if !errors.As(err, &domain) {
				t.Errorf("%s in a View returned %v, want an orrery.Error", name, err)
			}
		}
		wantEnvironments(t, tx, 1)
		return nil
	})
	view(t, s, func(tx store.Tx) error { wantEnvironments(t, tx, 1); return nil })
}

func writes(tx store.Tx) map[string]error {
	return map[string]error{
		"Put":     tx.Environments().Put(environment("env-2")),
		"Delete":  tx.Environments().Delete("env-1"),
		"SetMeta": tx.SetMeta("term", "9"),
		"Add":     tx.Queue().Add("place", "a"),
		"AddAt":   tx.Queue().AddAt("place", "a", start),
		"Done":    tx.Queue().Done("place", "a"),
	}
}

// testEnded keeps a transaction beyond its end, which must do nothing but fail.
func testEnded(t *testing.T, open Open) {
	s, _ := open(t)
	var kept []store.Tx
	update(t, s, func(tx store.Tx) error { kept = append(kept, tx); return nil })
	view(t, s, func(tx store.Tx) error { kept = append(kept, tx); return nil })
	for _, tx := range kept {
		errs := writes(tx)
		_, errs["Get"] = tx.Environments().Get("env-1")
		_, errs["List"] = tx.Environments().List(store.Query{})
		_, errs["Count"] = tx.Environments().Count(store.Query{})
		_, errs["Meta"] = tx.Meta("term")
		_, errs["Due"] = tx.Queue().Due("place", start, 1)
		_, _, errs["Next"] = tx.Queue().Next("place")
		for name, err := range errs {
			wantCode(t, err, orrery.Internal)
			if err == nil {
				t.Errorf("%s works after the end of its transaction", name)
			}
		}
	}
	view(t, s, func(tx store.Tx) error { wantEnvironments(t, tx, 0); return nil })
}

// testSnapshot reads around a change, each at a known moment of it.
func testSnapshot(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error { return tx.Environments().Put(environment("env-1")) })
	view(t, s, func(old store.Tx) error {
		wantEnvironments(t, old, 1)
		update(t, s, func(tx store.Tx) error {
			if err := tx.Environments().Put(environment("env-2")); err != nil {
				return err
			}
			wantEnvironments(t, tx, 2)
			view(t, s, func(other store.Tx) error { wantEnvironments(t, other, 1); return nil })
			return nil
		})
		wantEnvironments(t, old, 1)
		_, err := old.Environments().Get("env-2")
		wantCode(t, err, orrery.NotFound)
		view(t, s, func(other store.Tx) error { wantEnvironments(t, other, 2); return nil })
		return nil
	})
}

func testNoLostUpdates(t *testing.T, open Open) {
	s, _ := open(t)
	const writers, each = 8, 25
	ctx := testContextFor(t)
	errs := make(chan error, writers)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				if err := s.Update(ctx, increment); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		t.Errorf("Update: %v", err)
	}
	view(t, s, func(tx store.Tx) error {
		got, err := tx.Meta("counter")
		if got != strconv.Itoa(writers*each) {
			t.Errorf("the counter is %s, want %d", got, writers*each)
		}
		return err
	})
}

func increment(tx store.Tx) error {
	text, err := tx.Meta("counter")
	if err != nil {
		return err
	}
	n := 0
	if text != "" {
		if n, err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	return tx.SetMeta("counter", strconv.Itoa(n+1))
}

// testContext ends contexts before, while waiting, and within a transaction; none commits.
func testContext(t *testing.T, open Open) {
	s, _ := open(t)
	put := func(tx store.Tx) error { return tx.Environments().Put(environment("env-1")) }
	ended, cancel := context.WithCancel(testContextFor(t))
	cancel()
	for _, err := range []error{s.Update(ended, put), s.View(ended, func(store.Tx) error { return nil })} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
	}
	update(t, s, func(store.Tx) error {
		waiting, cancel := context.WithCancel(testContextFor(t))
		result := make(chan error)
		go func() { result <- s.Update(waiting, put) }()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("while waiting for another Update: %v", err)
		}
		return nil
	})
	within, cancel := context.WithCancel(testContextFor(t))
	err := s.Update(within, func(tx store.Tx) error {
		err := put(tx)
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ends before the commit: %v", err)
	}
	view(t, s, func(tx store.Tx) error { wantEnvironments(t, tx, 0); return nil })
	update(t, s, put)
}

func testClose(t *testing.T, open Open) {
	s, _ := open(t)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	nothing := func(store.Tx) error { t.Error("a transaction ran after Close"); return nil }
	wantCode(t, s.View(testContextFor(t), nothing), orrery.Unavailable)
	wantCode(t, s.Update(testContextFor(t), nothing), orrery.Unavailable)
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func testMeta(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error {
		none, err := tx.Meta("term")
		if none != "" {
			t.Errorf("the value of no key is %q", none)
		}
		return errors.Join(err, tx.SetMeta("term", "1"), tx.SetMeta("term", "7"), tx.SetMeta("other", "ü\x00<"))
	})
	view(t, s, func(tx store.Tx) error {
		term, err := tx.Meta("term")
		other, err2 := tx.Meta("other")
		if term != "7" || other != "ü\x00<" {
			t.Errorf("term is %q and other is %q", term, other)
		}
		return errors.Join(err, err2)
	})
}

// testAliasing changes what was put and what was got: the store must not notice.
func testAliasing(t *testing.T, open Open) {
	s, _ := open(t)
	put := fill[orrery.PSC]("a", start)
	want := fill[orrery.PSC]("a", start)
	spoil := func(p orrery.PSC) {
		p.Provenance["a"] = "spoiled"
		p.Status.Conditions[0].Reason = "spoiled"
		p.Spec.Configuration["more"] = "spoiled"
	}
	update(t, s, func(tx store.Tx) error {
		err := tx.PSCs().Put(put)
		spoil(put)
		return err
	})
	for range 2 {
		view(t, s, func(tx store.Tx) error {
			got, err := tx.PSCs().Get(want.ID)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			spoil(got)
			return err
		})
	}
}

func testPageLimit(t *testing.T, open Open) {
	s, _ := open(t)
	update(t, s, func(tx store.Tx) error {
		for i := range store.MaxPage + 1 {
			if err := tx.Environments().Put(environment(fmt.Sprintf("env-%04d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx store.Tx) error {
		for _, limit := range []int{0, -1, store.MaxPage, store.MaxPage + 1, 1 << 40} {
			page, err := tx.Environments().List(store.Query{Limit: limit})
			if len(page.Rows) != store.MaxPage || page.Next == "" || err != nil {
				t.Errorf("Limit %d: %d rows, Next %q, error %v; want %d and a next page", limit, len(page.Rows), page.Next, err, store.MaxPage)
			}
		}
		wantEnvironments(t, tx, store.MaxPage+1)
		return nil
	})
}

func testDurable(t *testing.T, open Open) {
	s, reopen := open(t)
	if reopen == nil {
		t.Skip("this store is not durable")
	}
	want := fill[orrery.Desired]("a", start)
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.Desired().Put(want), tx.SetMeta("term", "3"), tx.Queue().AddAt("publish", "k", start))
	})
	for range 2 { // the second time nothing was written in between
		s = reopen()
		view(t, s, func(tx store.Tx) error {
			got, err := tx.Desired().Get(want.Key())
			term, err2 := tx.Meta("term")
			due, ok, err3 := tx.Queue().Next("publish")
			if diff := cmp.Diff(want, got); diff != "" || term != "3" || !ok || !due.Equal(start) {
				t.Errorf("after reopening: term %q, due %v; (-put +got):\n%s", term, due, diff)
			}
			return errors.Join(err, err2, err3)
		})
	}
	update(t, s, func(tx store.Tx) error { return tx.Desired().Delete(want.Key()) })
}

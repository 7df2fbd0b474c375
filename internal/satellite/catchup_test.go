package satellite_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/orrery-kafka/orrery/internal/link"
)

// What a link brings to a satellite that starts is its whole log. What ends far behind its beginning, more than one
// step takes in, must not come back in between: a key that was deleted, a physical cluster that is gone.
func TestNothingComesBackWhileTheLinkIsReadAtStart(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	pkc, lkc, key, other := psc("pkc-a"), tenant("pkc-a", "lkc-1"), credential("pkc-a", "KEY1", "lkc-1"), psc("pkc-b")
	w.send(pkc, lkc, key, other)
	w.until("the key is applied", w.applied(key.Key()))
	w.until("the other physical cluster serves", w.applied(other.Key()))
	var filling []link.Message
	for i := range 600 {
		filling = append(filling, link.Message{Kind: "unknown", ID: strconv.Itoa(i), Tombstone: true})
	}
	w.send(filling...)
	w.send(deleted(key), deleted(other))
	w.until("the key is gone", w.gone(key.Key()))
	w.until("the other physical cluster is gone", w.gone(other.Key()))
	w.send(tombstone(key), tombstone(other))
	w.until("the key's record is removed", func() bool { _, there := w.state("pkc-a")["credential/KEY1"]; return !there })
	w.until("the ledger entry is removed", func() bool { return !w.inLedger("pkc-b") })
	w.converge()
	before := w.end("pkc-a", "_orrery_tenants")
	w.stop()

	w.start(true)
	w.until("the tenant is applied again", w.applied(lkc.Key()))
	w.converge()
	if after := w.end("pkc-a", "_orrery_tenants"); after != before {
		t.Errorf("a start wrote %d records of state", after-before)
	}
	if w.inLedger("pkc-b") {
		t.Error("the physical cluster that is gone is in the ledger again")
	}
	if ids, err := w.substrate.List(w.ctx); err != nil || len(ids) != 1 {
		t.Errorf("the substrate has %v, %v", ids, err)
	}
}

// A satellite that ended between the end of a physical cluster and its tombstone forgets it at the next start, although
// nothing is known of the cluster yet when the tombstone comes.
func TestTombstoneAtStart(t *testing.T) {
	w := newWorld(t)
	w.start(true)
	pkc := psc("pkc-a")
	w.send(pkc)
	w.until("the physical cluster serves", w.applied(pkc.Key()))
	w.send(deleted(pkc))
	w.until("the physical cluster is gone", w.gone(pkc.Key()))
	if !w.inLedger("pkc-a") {
		t.Fatal("its ledger entry went without a tombstone")
	}
	w.stop()
	w.send(tombstone(pkc))

	w.start(true)
	w.until("the ledger entry is removed", func() bool { return !w.inLedger("pkc-a") })
	w.until("its status is removed", func() bool { _, there := w.statuses[pkc.Key()]; return !there })
}

func (w *world) inLedger(id string) bool {
	_, err := os.Stat(filepath.Join(w.dir, "ledger", id+".json"))
	return err == nil
}

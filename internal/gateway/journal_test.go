package gateway

import (
	"fmt"
	"testing"
	"time"
)

// TestJournalIsBounded: a hostile tenant with a million distinct denials costs a thousand entries, its own.
func TestJournalIsBounded(t *testing.T) {
	const distinct = 1_000_000
	j, now := NewJournal(), time.Unix(1_000_000, 0)
	explained := 0
	explain := func(e *Entry) { e.Reason, explained = "because", explained+1 }
	j.record("lkc-quiet", now, Entry{Kind: EntryDenied, Principal: "User:sa-1", Resource: "orders"}, explain)
	for i := range distinct {
		j.record("lkc-loud", now.Add(time.Duration(i)*time.Microsecond), Entry{Kind: EntryDenied, Principal: "User:sa-2", Resource: fmt.Sprint("topic-", i)}, explain)
	}
	entries, forgotten := j.Entries("lkc-loud")
	if len(entries) != journalEntries || forgotten != distinct-journalEntries {
		t.Errorf("%d entries and %d forgotten, want %d and %d", len(entries), forgotten, journalEntries, distinct-journalEntries)
	}
	if entries[0].Resource != fmt.Sprint("topic-", distinct-1) || entries[journalEntries-1].Resource != fmt.Sprint("topic-", distinct-journalEntries) {
		t.Errorf("it keeps %s to %s, not the last", entries[journalEntries-1].Resource, entries[0].Resource)
	}
	if entries, forgotten := j.Entries("lkc-quiet"); len(entries) != 1 || forgotten != 0 || entries[0].Count != 1 {
		t.Errorf("the other tenant has %v, and %d forgotten", entries, forgotten)
	}
	if j.total != journalEntries+1 || len(j.byCluster["lkc-loud"].entries) != journalEntries {
		t.Errorf("it holds %d entries", j.total)
	}
}

// TestJournalIsShared: however many tenants there are, all entries have a bound, and a quiet tenant keeps its own.
func TestJournalIsShared(t *testing.T) {
	j, now := NewJournal(), time.Unix(1_000_000, 0)
	note := func(tenant string, i int) {
		j.record(tenant, now, Entry{Kind: EntryDenied, Resource: fmt.Sprint(i)}, func(*Entry) {})
	}
	note("lkc-quiet", 0)
	for i := range journalEntries {
		for tenant := range 2 * journalTotalEntries / journalEntries {
			note(fmt.Sprint("lkc-", tenant), i)
		}
	}
	if j.total != journalTotalEntries {
		t.Errorf("it holds %d entries, want %d", j.total, journalTotalEntries)
	}
	held := 0
	for id := range j.byCluster {
		entries, _ := j.Entries(id)
		held += len(entries)
	}
	if entries, _ := j.Entries("lkc-quiet"); len(entries) != 1 || held != j.total {
		t.Errorf("the quiet tenant has %d entries; all have %d of %d", len(entries), held, j.total)
	}
	j.forget("lkc-0")
	if entries, _ := j.Entries("lkc-0"); len(entries) != 0 || j.total >= journalTotalEntries {
		t.Errorf("a deleted tenant has %d entries", len(entries))
	}
}

func TestJournalCountsRepetitions(t *testing.T) {
	j, now := NewJournal(), time.Unix(1_000_000, 0)
	var lines, total int64
	for i := range 1000 {
		at := now.Add(time.Duration(i) * 200 * time.Millisecond)
		_, unaudited := j.record("lkc-a", at, Entry{Kind: EntryDenied, Principal: "User:sa-1", Resource: "orders"}, func(e *Entry) { e.Reason = at.String() })
		if unaudited > 0 {
			lines, total = lines+1, total+unaudited
		}
	}
	entries, _ := j.Entries("lkc-a")
	if len(entries) != 1 || entries[0].Count != 1000 || !entries[0].First.Equal(now) || !entries[0].Last.Equal(now.Add(999*200*time.Millisecond)) {
		t.Errorf("the journal has %+v", entries)
	}
	if lines != 4 || total != 901 { // at 0, 60, 120 and 180 of 199.8 s
		t.Errorf("%d lines about %d of 1000", lines, total)
	}
	if age := now.Add(999 * 200 * time.Millisecond); entries[0].Reason < age.Add(-explanationLife).String() {
		t.Errorf("the reason is as of %s", entries[0].Reason)
	}
}

// TestAuditsAreBounded: a tenant that causes lines as fast as it can gets its share, and what is left out is counted.
func TestAuditsAreBounded(t *testing.T) {
	var a audits
	now := time.Unix(1_000_000, 0)
	written, counted := int64(0), int64(0)
	for i := range int64(100_000) { // in 10 s
		if unwritten, ok := a.admit("lkc-a", now.Add(time.Duration(i)*100*time.Microsecond)); ok {
			written, counted = written+1, counted+unwritten
		}
	}
	if least := auditRate.Units * 10; written < least || written > least+auditRate.Burst+2 {
		t.Errorf("%d lines in 10 s, want %d and a burst of %d", written, least, auditRate.Burst)
	}
	if _, ok := a.admit("lkc-b", now); !ok || counted+written > 100_000 || counted+written < 99_000 {
		t.Errorf("%d lines say that %d are left out, of 100,000; another tenant's: %t", written, counted, ok)
	}
}

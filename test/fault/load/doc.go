// Package load keeps a topic busy while things break, and proves that nothing was lost: idempotent producers
// (acks=all) write numbered records without a pause, and every acknowledgement is held against what the log and a
// consumer group give back. An acknowledged record has to be there, once, and in the order of its producer; one that
// was not acknowledged may be there or not, but never twice. It also measures what users feel: the longest time
// without an acknowledgement.
//
// Its clients are opened once, with one bootstrap address, and never replaced or told anything else: one that cannot
// go on is a finding.
package load

package sim

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strings"
	"time"
)

// keptLines is how much of the trace a failure shows, in lines.
const keptLines = 200

// trace is what happened, one line after another; the same seed gives the same lines.
type trace struct {
	clock  *clock
	out    io.Writer // nil: none
	failed error     // of out
	digest hash.Hash
	last   [keptLines]string
	count  int
}

func newTrace(c *clock, out io.Writer) *trace {
	return &trace{clock: c, out: out, digest: sha256.New()}
}

// add appends a line: when, who, what.
func (t *trace) add(who, format string, args ...any) {
	line := fmt.Sprintf("%s %s %s\n", stamp(t.clock.elapsed()), who, fmt.Sprintf(format, args...))
	io.WriteString(t.digest, line)
	t.last[t.count%keptLines] = line
	t.count++
	if t.out != nil && t.failed == nil {
		_, t.failed = io.WriteString(t.out, line)
	}
}

// tail returns the last lines.
func (t *trace) tail() string {
	var b strings.Builder
	for i := max(0, t.count-keptLines); i < t.count; i++ {
		b.WriteString(t.last[i%keptLines])
	}
	return b.String()
}

// hash names everything that was added.
func (t *trace) hash() string { return fmt.Sprintf("%x", t.digest.Sum(nil)[:16]) }

// stamp is a time of the simulation: days, and the time of the day.
func stamp(d time.Duration) string {
	day := d / (24 * time.Hour)
	d -= day * 24 * time.Hour
	return fmt.Sprintf("%02dd%02d:%02d:%02d.%03d", day, d/time.Hour, d/time.Minute%60, d/time.Second%60, d/time.Millisecond%1000)
}

// traceHandler puts what a component logs into the trace.
type traceHandler struct {
	trace *trace
	who   string
}

// logger returns a logger of one component.
func (t *trace) logger(who string) *slog.Logger { return slog.New(traceHandler{t, who}) }

// Enabled implements slog.Handler.
func (h traceHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle implements slog.Handler.
func (h traceHandler) Handle(_ context.Context, record slog.Record) error {
	var b strings.Builder
	b.WriteString(record.Message)
	record.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%q", a.Key, a.Value.String())
		return true
	})
	h.trace.add(h.who, "%s", b.String())
	return nil
}

// WithAttrs implements slog.Handler: no component of ours uses it.
func (h traceHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler: no component of ours uses it.
func (h traceHandler) WithGroup(string) slog.Handler { return h }

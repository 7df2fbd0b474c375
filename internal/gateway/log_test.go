package gateway_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// capturedLog keeps what a gateway logs.
type capturedLog struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote chan struct{} // capacity 1
}

func captureLog() (*capturedLog, *slog.Logger) {
	l := &capturedLog{wrote: make(chan struct{}, 1)}
	return l, slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *capturedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.wrote <- struct{}{}:
	default:
	}
	return l.text.Write(b)
}

func (l *capturedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// expect waits until a text was logged.
func (l *capturedLog) expect(t testing.TB, text string) {
	t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.wrote:
		case <-deadline:
			t.Fatalf("the gateway did not log %q; it logged\n%s", text, l)
		}
	}
}

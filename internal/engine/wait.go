package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// pollInterval is how often Await looks. Connecting to a port of loopback costs some 50 us.
const pollInterval = 20 * time.Millisecond

// Await waits until a broker takes connections at an address, which it does only once it has joined its cluster.
func Await(ctx context.Context, address string) error {
	var dialer net.Dialer
	retry := time.NewTicker(pollInterval)
	defer retry.Stop()
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the broker at %s: %w", address, context.Cause(ctx))
		case <-retry.C:
		}
	}
}

// causeOf is err, or why the context ended, if that is what it comes from.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Tail is the last lines of a file, for an error or a failing test.
func Tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), lines)
}

func lastLines(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

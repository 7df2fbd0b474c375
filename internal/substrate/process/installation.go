package process

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"

	"github.com/orrery-kafka/orrery/internal/engine"
)

// installations are the versions of Apache Kafka that were asked for.
type installations struct {
	install func(ctx context.Context, version string, progress io.Writer) (engine.Installation, error)
	// changed is called when there is something new to tell.
	changed func()

	mu        sync.Mutex
	byVersion map[string]*installation
}

// installation is one version, or the attempt to get it.
type installation struct {
	done chan struct{}
	// Valid once done is closed.
	value engine.Installation
	err   error

	mu       sync.Mutex
	progress string
}

// get returns a version that is there or on its way. One that could not be had is tried again.
func (i *installations) get(ctx context.Context, version string, background *sync.WaitGroup) *installation {
	i.mu.Lock()
	defer i.mu.Unlock()
	if known := i.byVersion[version]; known != nil && !known.failed() {
		return known
	}
	wanted := &installation{done: make(chan struct{})}
	i.byVersion[version] = wanted
	background.Go(func() {
		wanted.value, wanted.err = i.install(ctx, version, progressWriter{wanted, i.changed})
		close(wanted.done)
	})
	return wanted
}

func (i *installation) failed() bool {
	select {
	case <-i.done:
		return i.err != nil
	default:
		return false
	}
}

// doing is the last line of its progress.
func (i *installation) doing() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.progress
}

// progressWriter keeps the last line.
type progressWriter struct {
	*installation
	changed func()
}

func (w progressWriter) Write(text []byte) (int, error) {
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	w.mu.Lock()
	w.progress = shorten(lines[len(lines)-1])
	w.mu.Unlock()
	w.changed()
	return len(text), nil
}

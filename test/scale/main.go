// Command scale measures a gateway with many connections and many tenants, and writes what it found, with the machine
// and the commit, to sections of docs/measured.md. Each gateway is a process of its own; the embedded engine and the
// load are this process. Times are measured and not judged; a leak, or memory far beyond its goal, is an error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/bench/measured"
)

// sizes say how much there is of everything.
type sizes struct {
	connections     int           // that are idle
	churn           time.Duration // of connections that come and go
	embedded        int           // tenants on the embedded engine
	apache          int           // tenants on Apache Kafka; 0 leaves it out
	state           int           // tenants in the state that a gateway starts with; two keys and one binding each
	rounds, warming int           // of measuring requests
	requests        int           // of each kind in a round
}

var full = sizes{
	connections: 8000, churn: 30 * time.Second, embedded: 2000, apache: 500, state: 10_000,
	rounds: 5, warming: 2, requests: 300,
}

const timeout = 30 * time.Minute

func main() {
	if isChild() {
		exit("gateway", serveGateway())
	}
	out := flag.String("out", "docs/measured.md", "the file whose sections to write, one for each part")
	only := flag.String("only", "", "one part: start, connections, embedded or apache; empty is all of them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	exit("scale", measure(ctx, full, *only, os.Stderr, func(part, text string) error {
		return measured.Write(*out, "Scale: "+part, "\n"+text)
	}))
}

func exit(name string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// bench is one run.
type bench struct {
	sizes
	dir      string
	progress io.Writer
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// measure measures all parts, or one of them, and writes what was found of each in Markdown.
func measure(ctx context.Context, s sizes, only string, progress io.Writer, write func(part, text string) error) (err error) {
	b := &bench{sizes: s, progress: progress}
	if b.dir, err = os.MkdirTemp("", "orrery-scale-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	parts := []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"start", b.starts},
		{"connections", b.manyConnections},
		{"embedded", func(ctx context.Context) (string, error) { return b.manyTenants(ctx, kafkatest.Embedded, b.embedded) }},
		{"apache", func(ctx context.Context) (string, error) { return b.manyTenants(ctx, kafkatest.Apache, b.apache) }},
	}
	known := only == ""
	for _, p := range parts {
		if only != "" && only != p.name || p.name == "apache" && b.apache == 0 {
			continue
		}
		known = true
		b.say("measuring %s ...", p.name)
		text, err := p.run(ctx)
		if err == nil {
			err = write(p.name, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !known {
		return fmt.Errorf("there is no part %q", only)
	}
	return nil
}

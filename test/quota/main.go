// Command quota measures how exactly tenants are held to their quotas, and what a hostile tenant costs its neighbour, with
// real clients on Apache Kafka, and writes what it found to sections of docs/measured.md. The gateways, the brokers and
// every client are processes of their own. That a tenant gets more than its quota is an error; that it gets less is one
// only where the same client without a quota shows that this machine could have done better. Times are not judged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/bench/measured"
	"github.com/orrery-kafka/orrery/test/bench/rig"
)

const (
	timeout  = time.Hour
	megabyte = 1_000_000
	heapMiB  = 1024
)

// sizes say how much is measured.
type sizes struct {
	groups []group
	// window is how long a tenant is watched, control how long a client without a quota, which is also how long a tenant
	// is watched whose quota is more than this machine can do.
	window, control time.Duration
	// exact is true where the window is long enough to judge by whole percents.
	exact bool
	// readable is how many bytes there are to read, of large batches; an eighth of small ones.
	readable int64

	rounds    int           // of each storm
	neighbour time.Duration // of each run with a storm
}

// full takes about 15 minutes.
var full = sizes{
	groups: wholeGroups(), window: time.Minute, control: 6 * time.Second, exact: true, readable: 256 * megabyte,
	rounds: 5, neighbour: 4 * time.Second,
}

func main() {
	out := flag.String("out", "docs/measured.md", "the file whose sections to write, one for each part")
	only := flag.String("only", "", "one part: held or neighbours; empty is both")
	root := flag.String("root", ".", "the repository, for the clients and what make fetched for them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %v", timeout))
	defer cancel()
	err := measure(ctx, full, *root, *only, os.Stdout, func(heading, text string) error {
		return measured.Write(*out, heading, "\n"+text)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "quota:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	sizes
	root, dir string
	progress  io.Writer
	rig       *rig.Rig
	tenants   int // that were made
}

func (b *bench) say(format string, arguments ...any) {
	fmt.Fprintf(b.progress, "%s (load %s) %s\n", time.Now().Format("15:04:05"), rig.LoadAverage(), fmt.Sprintf(format, arguments...))
}

// measure measures all parts, or one of them, and writes what was found of each in Markdown, what failed too.
func measure(ctx context.Context, s sizes, root, only string, progress io.Writer, write func(heading, text string) error) (err error) {
	if only != "" && only != "held" && only != "neighbours" {
		return fmt.Errorf("there is no part %q; the parts are held and neighbours", only)
	}
	b := &bench{sizes: s, progress: progress}
	if b.root, err = filepath.Abs(root); err != nil {
		return err
	}
	for _, client := range []string{".cache/python/bin/python", ".cache/java/.done"} {
		if _, err := os.Stat(filepath.Join(b.root, client)); err != nil {
			return fmt.Errorf("%w; make clients fetches the clients", err)
		}
	}
	if b.dir, err = os.MkdirTemp("", "orrery-quota-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.say("building, and starting Apache Kafka %s with a gateway ...", engine.DefaultVersion)
	if err := rig.Build(ctx, b.dir); err != nil {
		return err
	}
	if b.rig, err = b.open(ctx, "first"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.rig.Close()) }()
	for _, p := range []struct {
		name, heading string
		run           func(context.Context) (string, error)
	}{
		{"held", "Quotas: what tenants get", b.held},
		{"neighbours", "Quotas: hostile neighbours", b.neighbours},
	} {
		if only != "" && only != p.name {
			continue
		}
		began, before := time.Now(), rig.LoadAverage()
		text, failed := p.run(ctx)
		if text != "" {
			load := fmt.Sprintf("Load average %s before and %s after; took %v.\n\n", before, rig.LoadAverage(), time.Since(began).Round(time.Second))
			err = errors.Join(err, write(p.heading, load+text))
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.name, failed))
		}
	}
	return err
}

// brokerConfig keeps what is written without end from filling the disk.
var brokerConfig = map[string]string{"log.retention.check.interval.ms": "1000", "log.segment.delete.delay.ms": "100"}

// open starts a broker and a gateway in front of it.
func (b *bench) open(ctx context.Context, name string) (*rig.Rig, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return rig.Open(ctx, dir, b.dir, kafkatest.Options{HeapMiB: heapMiB, Optimized: true, Config: brokerConfig})
}

// nextTenant is the id of a new logical cluster.
func (b *bench) nextTenant() string {
	b.tenants++
	return fmt.Sprintf("lkc-%06d", b.tenants)
}

// Command curves measures what the control plane costs as it grows: it simulates platforms of 100 to 10,000 logical
// clusters (package sim) and draws, against their number, how long they take to converge, and how many messages the link
// and how many rows the store take. The simulation's own time makes these numbers: they are the same on every machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery/internal/sim"
)

func main() {
	out := flag.String("out", "docs/reference", "`DIRECTORY` for cost.md and cost.svg")
	most := flag.Int("most", 10_000, "the `NUMBER` of logical clusters of the largest platform")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	debug.SetGCPercent(400)
	if err := run(ctx, *out, *most); err != nil {
		fmt.Fprintln(os.Stderr, "curves:", err)
		os.Exit(1)
	}
}

// sizes are numbers of logical clusters.
var sizes = []int{100, 300, 1000, 3000, 10_000}

// events is how much happens in a day on each platform, whatever its size: what one event costs must not depend on it.
const events = 200

// point is what was measured of one platform.
type point struct {
	clusters int
	// filled is of the creation of its clusters, lived of a day with events on top of that, and restored with a restore of
	// the mothership at its end.
	filled, lived, restored sim.Report
	took                    time.Duration
}

func run(ctx context.Context, out string, most int) error {
	var points []point
	for _, size := range sizes {
		if size > most {
			continue
		}
		p, err := measure(ctx, size)
		if err != nil {
			return fmt.Errorf("%d clusters: %w", size, err)
		}
		fmt.Printf("%d logical clusters in %v\n", size, p.took.Round(time.Second))
		points = append(points, p)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(out, "cost.md"), []byte(page(points)), 0o644),
		os.WriteFile(filepath.Join(out, "cost.svg"), []byte(draw(curvesOf(points))), 0o644),
	)
}

// measure simulates a platform three times: with next to nothing happening, with events, and with a restore.
func measure(ctx context.Context, clusters int) (p point, err error) {
	began := time.Now()
	config := sim.Config{Seed: 1, Satellites: max(4, clusters/100), Physical: clusters / 10, Logical: clusters, Days: 1, Events: 1}
	p.clusters = clusters
	if p.filled, err = sim.Run(ctx, config); err != nil {
		return p, err
	}
	config.Last = "restore"
	if p.restored, err = sim.Run(ctx, config); err != nil {
		return p, err
	}
	config.Events, config.Last = events, ""
	p.lived, err = sim.Run(ctx, config)
	p.took = time.Since(began)
	return p, err
}

// curve is one line of the drawing.
type curve struct {
	name   string
	values []float64
}

// table is everything that is drawn: one curve for each cost.
type table struct {
	clusters []int
	curves   []curve
}

func curvesOf(points []point) table {
	t := table{curves: []curve{
		{name: "seconds from a restore until every record has its new term"},
		{name: "link messages for each logical cluster"}, {name: "rows written for each logical cluster"},
		{name: "link messages for each event"}, {name: "rows written for each event"},
	}}
	for _, p := range points {
		t.clusters = append(t.clusters, p.clusters)
		more, n := events-1, float64(p.filled.Logical)
		for i, v := range []float64{
			p.restored.Converged.Seconds(),
			float64(p.filled.Counts.LinkMessages) / n, float64(p.filled.Counts.Rows) / n,
			float64(p.lived.Counts.LinkMessages-p.filled.Counts.LinkMessages) / float64(more),
			float64(p.lived.Counts.Rows-p.filled.Counts.Rows) / float64(more),
		} {
			t.curves[i].values = append(t.curves[i].values, v)
		}
	}
	return t
}

// page is the table in words.
func page(points []point) string {
	t := curvesOf(points)
	var b strings.Builder
	fmt.Fprintf(&b, `# What the control plane costs as it grows

`+"`make curves`"+` writes this page and the drawing: simulations (`+"`orrery sim`"+`) of a day on platforms of %d to %d logical clusters, a tenth as many physical ones and a hundredth as many satellites. Each is run three times: with next to
nothing happening after its clusters were made; with %d events (requests of tenants, and faults) on top, so that the difference is what an event costs; and with a restore of the mothership at the end, after which every record is sent again with a new term and has to be applied. For ten seconds of that the mothership
is down. Time is the simulation's own: what travels takes its time there, and computing takes none.

![cost](cost.svg)

| logical clusters |`, t.clusters[0], t.clusters[len(t.clusters)-1], events)
	for _, c := range t.curves {
		fmt.Fprintf(&b, " %s |", c.name)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(t.curves)) + "|\n")
	for i, n := range t.clusters {
		fmt.Fprintf(&b, "| %d |", n)
		for _, c := range t.curves {
			fmt.Fprintf(&b, " %.1f |", c.values[i])
		}
		b.WriteByte('\n')
	}
	b.WriteString("\nA flat line says that a cluster, or an event, costs the same however many others there are. The events' cost is not flat: some are crashes and restores of the mothership, after which everybody says everything again, and that is spread over all events here.\n")
	return b.String()
}

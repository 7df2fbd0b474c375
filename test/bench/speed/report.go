package speed

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/test/bench/measured"
)

// busy is from which share of the machine's time on, used by others or taken by the host, the machine was not idle.
const busy = 0.1

// comparison is one figure of each run of the gateway, against another path in the same round.
type comparison struct {
	load, against, what string
	of                  func(gateway, other sample) float64
	format              string
	goal                string // empty: there is none
	met                 func(float64) bool
}

func atLeast(limit float64) func(float64) bool { return func(v float64) bool { return v >= limit } }
func atMost(limit float64) func(float64) bool  { return func(v float64) bool { return v <= limit } }

const (
	pathOwn     = "SASL_SSL"
	pathRelay   = "relay"
	pathPlain   = "SASL_PLAINTEXT"
	pathGateway = "gateway"
)

// comparisons are the rows of the table of goals.
func comparisons() []comparison {
	var all []comparison
	for _, load := range []string{loadProduce, loadFetch, loadProduceMany} {
		all = append(all,
			comparison{load, pathOwn, "throughput", throughput, "%.2f", "at least 1", atLeast(1)},
			comparison{load, pathOwn, "server CPU per GiB", serverCPUPerByte, "%.2f", "at most 1", atMost(1)},
			comparison{load, pathRelay, "CPU per GiB, gateway alone to relay alone", func(g, o sample) float64 {
				return (g.front.Seconds() / g.gibibytes()) / (o.front.Seconds() / o.gibibytes())
			}, "%.2f", "at most 1.1", atMost(1.1)},
			comparison{load, pathRelay, "server CPU per GiB, broker included", serverCPUPerByte, "%.2f", "", nil},
			comparison{load, pathRelay, "throughput", throughput, "%.2f", "", nil})
	}
	for _, load := range []string{loadSmallProduce, loadSmallFetch} {
		all = append(all,
			comparison{load, pathOwn, "requests per second", requestRate, "%.2f", "at least 1", atLeast(1)},
			comparison{load, pathOwn, "server CPU per request", serverCPUPerRequest, "%.2f", "at most 1", atMost(1)},
			comparison{load, pathRelay, "CPU per request, gateway alone to relay alone", func(g, o sample) float64 {
				return microsecondsEach(g.front, g) / microsecondsEach(o.front, o)
			}, "%.2f", "", nil},
			comparison{load, pathRelay, "requests per second", requestRate, "%.2f", "", nil})
	}
	p50 := func(g, o sample) float64 { return (g.P50 - o.P50).Seconds() * 1000 }
	p99 := func(g, o sample) float64 { return (g.P99 - o.P99).Seconds() * 1000 }
	return append(all,
		comparison{loadLatency, pathPlain, "added, p50", p50, "%.2f ms", "at most 0.15 ms", atMost(0.15)},
		comparison{loadLatency, pathPlain, "added, p99", p99, "%.2f ms", "at most 0.5 ms", atMost(0.5)},
		comparison{loadLatency, pathOwn, "added, p50", p50, "%.2f ms", "", nil},
		comparison{loadLatency, pathRelay, "added, p50", p50, "%.2f ms", "", nil})
}

func throughput(g, o sample) float64 { return g.mebibytesPerSecond() / o.mebibytesPerSecond() }

func requestRate(g, o sample) float64 { return g.requestsPerSecond() / o.requestsPerSecond() }

func serverCPUPerRequest(g, o sample) float64 {
	return microsecondsEach(g.server(), g) / microsecondsEach(o.server(), o)
}

func serverCPUPerByte(g, o sample) float64 {
	return (g.server().Seconds() / g.gibibytes()) / (o.server().Seconds() / o.gibibytes())
}

// row is the comparison's median and spread over the rounds. A verdict from a machine that was not idle in half of them
// is in parentheses: it proves nothing.
func (c comparison) row(m measurement) []string {
	gateway, other := m[c.load][pathGateway], m[c.load][c.against]
	var values []float64
	for n := range gateway {
		values = append(values, c.of(gateway[n], other[n]))
	}
	verdict := ""
	if c.met != nil {
		verdict = "no"
		if c.met(median(values)) {
			verdict = "yes"
		}
		if disturbed := func(s sample) float64 { return max(s.others, s.stolen) }; max(medianOf(gateway, disturbed), medianOf(other, disturbed)) > busy {
			verdict = "(" + verdict + ")"
		}
	}
	spread := fmt.Sprintf(c.format+" to "+c.format, slices.Min(values), slices.Max(values))
	return []string{c.load, c.against, c.what, c.goal, fmt.Sprintf(c.format, median(values)), spread, verdict}
}

// section is everything that was found, in Markdown.
func (m measurement) section(o Options, java string, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "* Load: %s\n* Took: %v\n\n", m.machineLoad(), took.Round(time.Second))
	fmt.Fprintf(&b, `The gateway, with the broker behind it, against other ways to the same broker. Rounds that count: %d, after %d for
warming up. In each round the paths take their turns; a figure compares neighbours of one round, and is the median over the rounds.
"Spread" is the smallest and the largest of them. Not all rows have a goal. A verdict in parentheses proves nothing: the machine was
not idle then.

`, o.Runs, o.WarmRuns)
	var rows [][]string
	for _, c := range comparisons() {
		rows = append(rows, c.row(m))
	}
	b.WriteString(measured.Table([]string{"load", "gateway against", "what", "goal", "measured", "spread", "met"}, rows))
	fmt.Fprintf(&b, "\nThe paths alone, medians. CPU is user and system time of the whole process: the broker's, and that of the gateway or the relay in front.\n\n")
	b.WriteString(m.paths())
	fmt.Fprintf(&b, `
* Processes, all on this machine, one of each: the broker (Apache Kafka %s in KRaft mode, %s, heap %d MiB, G1, one node), the gateway
  (one tenant, one API key, Go's defaults), the relay (Go, TLS in, TCP out, `+"`io.Copy`"+` both ways), and the load generator, started anew for each run.
* Paths: gateway is TLS with an API key, then SASL_PLAINTEXT to the broker; SASL_SSL is the broker's own listener; relay is TLS to the relay, then the same
  SASL_PLAINTEXT listener; SASL_PLAINTEXT is that listener without anything before it. With TLS all negotiated %s.
* Produce and fetch: %d MiB of records of 1 KiB to and from %d partitions, franz-go, acks=all, idempotent, no compression, batches of up to 1,000,012 bytes
  (those that were sent had %.0f kB on average with one producer); one producer or %d in one process, one consumer.
* Small: %d connections over TLS, on each one request with one record of 1 KiB after another (Produce version 13 with acks=all, Fetch version 17 without a
  session), %v long, after every connection was open and had sent one.
* Latency: one connection, %d produce requests with one record of 1 KiB a second, %v long.
* Every run was checked: all records acknowledged and at the broker, or all read in order; the bytes went through the process in question and no other.
`, engine.DefaultVersion, java, heapMiB, commonTLS, o.Bytes>>20, partitions, m.batchKilobytes(), manyProducers, manyConnections, o.Duration, lightRate, 2*o.Duration)
	return b.String()
}

// paths is the table of what was measured of each path alone.
func (m measurement) paths() string {
	var rows [][]string
	for _, load := range []string{loadProduce, loadFetch, loadProduceMany, loadSmallProduce, loadSmallFetch, loadLatency} {
		for _, path := range []string{pathPlain, pathOwn, pathRelay, pathGateway} {
			samples := m[load][path]
			if len(samples) == 0 {
				continue
			}
			of := func(f func(sample) float64) float64 { return medianOf(samples, f) }
			row := []string{load, path}
			switch load {
			case loadLatency:
				row = append(row, fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", of(func(s sample) float64 { return s.P50.Seconds() * 1000 }),
					of(func(s sample) float64 { return s.P99.Seconds() * 1000 })), "", "", "")
			case loadSmallProduce, loadSmallFetch:
				row = append(row, fmt.Sprintf("%.0f requests/s", of(sample.requestsPerSecond)))
				for _, cpu := range []func(sample) time.Duration{brokerCPU, frontCPU, loadCPU} {
					row = append(row, fmt.Sprintf("%.1f µs/request", of(func(s sample) float64 { return microsecondsEach(cpu(s), s) })))
				}
			default:
				row = append(row, fmt.Sprintf("%.0f MiB/s", of(sample.mebibytesPerSecond)))
				for _, cpu := range []func(sample) time.Duration{brokerCPU, frontCPU, loadCPU} {
					row = append(row, fmt.Sprintf("%.2f s/GiB", of(func(s sample) float64 { return cpu(s).Seconds() / s.gibibytes() })))
				}
			}
			rows = append(rows, row)
		}
	}
	return measured.Table([]string{"load", "path", "", "CPU, broker", "CPU, front", "CPU, load generator"}, rows)
}

func brokerCPU(s sample) time.Duration { return s.broker }
func frontCPU(s sample) time.Duration  { return s.front }
func loadCPU(s sample) time.Duration   { return s.load }

// machineLoad says what else the machine did.
func (m measurement) machineLoad() string {
	var others, stolen []float64
	for _, paths := range m {
		for _, samples := range paths {
			for _, s := range samples {
				others, stolen = append(others, s.others), append(stolen, s.stolen)
			}
		}
	}
	verdict := "the machine was idle besides"
	if slices.Max(others) > busy || slices.Max(stolen) > busy {
		verdict = "**the machine was not idle**, so times and throughputs are lower bounds, and ratios less certain"
	}
	return fmt.Sprintf("%s; of its processors' time others used %.0f %% (median run, at most %.0f %%), and the host took %.0f %% (at most %.0f %%)",
		verdict, median(others)*100, slices.Max(others)*100, median(stolen)*100, slices.Max(stolen)*100)
}

// batchKilobytes is how large the batches of one producer were, on average of all paths.
func (m measurement) batchKilobytes() float64 {
	bytes, batches := int64(0), int64(0)
	for _, samples := range m[loadProduce] {
		for _, s := range samples {
			bytes, batches = bytes+s.bytes, batches+s.Batches
		}
	}
	return float64(bytes) / float64(batches) / 1000
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }

func microsecondsEach(cpu time.Duration, s sample) float64 {
	return cpu.Seconds() * 1e6 / float64(s.Requests)
}

func medianOf(samples []sample, f func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, f(s))
	}
	return median(values)
}

// median is the middle value, or the mean of the two in the middle. There has to be a value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

package sim

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// A script is blocks, separated by empty lines, of commands, one on each line, and what they are expected to say:
//
//	create orders Basic
//	run 1m
//	show
//	----
//	orders: Basic, USABLE, on p1
//
// Beside those of Commands there are
//
//	world seed=N satellites=N brokers=N   first of all, where the defaults are not wanted; brokers is of each satellite
//	run FOR                               let time pass
//	show                                  say what the mothership thinks, and what the satellites run
//	converge                              end every fault, and check that the platform gets to what was asked for
//
// Names are those of the script: a cluster's own, and p1, p2, … for the physical clusters in the order of their
// creation. A line that begins with # is a comment.

// separator is between the commands of a block and what they say.
const separator = "----"

// RunScript carries out a script and returns it with what its commands said in the place of what was expected. The
// error is about the script itself, or a *Failure where an invariant did not hold; the text then ends there.
func RunScript(ctx context.Context, script string, trace io.Writer) (string, error) {
	r := &reader{ctx: ctx, out: trace, names: map[string]string{}}
	var text strings.Builder
	for number, block := range blocks(script) {
		if number > 0 {
			text.WriteString("\n")
		}
		said := ""
		for _, line := range block {
			text.WriteString(line + "\n")
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				continue
			}
			more, err := r.line(line)
			if err != nil {
				return "", fmt.Errorf("%s: %w", line, err)
			}
			said += more
		}
		if said != "" {
			text.WriteString(separator + "\n" + said)
		}
		if r.world != nil && r.world.end() != nil {
			return text.String(), r.world.end()
		}
	}
	return text.String(), nil
}

// blocks returns the commands and comments of each block.
func blocks(script string) (blocks [][]string) {
	var block []string
	inCommands := true
	for _, line := range append(strings.Split(script, "\n"), "") {
		switch {
		case strings.TrimSpace(line) == "":
			if len(block) > 0 {
				blocks = append(blocks, block)
			}
			block, inCommands = nil, true
		case line == separator:
			inCommands = false
		case inCommands:
			block = append(block, line)
		}
	}
	return blocks
}

// reader carries out the lines of a script.
type reader struct {
	ctx   context.Context
	out   io.Writer
	world *World
	names map[string]string // of physical clusters, by id
}

// line carries out one line and returns what it says.
func (r *reader) line(line string) (string, error) {
	verb, rest, _ := strings.Cut(line, " ")
	if verb == "world" {
		if r.world != nil {
			return "", orrery.Errorf(orrery.Invalid, "the world is there already; say how it is before anything else")
		}
		s, err := parseSize(rest)
		if err == nil {
			r.world = newWorld(r.ctx, s, r.out)
		}
		return "", err
	}
	if r.world == nil {
		r.world = newWorld(r.ctx, defaultSize, r.out)
	}
	w := r.world
	switch verb {
	case "run":
		span, err := duration(rest)
		if err == nil {
			w.run(w.clock.now.Add(span))
		}
		return r.failed(), err
	case "show":
		return r.show(), nil
	case "converge":
		w.converge()
		if w.failure == nil {
			return "converged\n", nil
		}
		return r.failed(), nil
	}
	err := w.do(line)
	return r.failed(), err
}

func (r *reader) failed() string {
	if r.world.failure == nil {
		return ""
	}
	return "FAILED " + r.named(r.world.failure.Error()) + "\n"
}

// defaultSize is the world of a script that does not say how it is.
var defaultSize = size{seed: 1, satellites: 1, brokers: 30}

func parseSize(text string) (size, error) {
	s := defaultSize
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		number, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
		case name == "seed":
			s.seed = number
			continue
		case name == "satellites" && number >= 1 && number <= maxSatellites:
			s.satellites = int(number)
			continue
		case name == "brokers" && number <= maxClusters:
			s.brokers = int(number)
			continue
		}
		return s, orrery.Errorf(orrery.Invalid, "%q is not seed=N, satellites=N or brokers=N", word)
	}
	return s, nil
}

// show says what the mothership thinks and what the satellites run.
func (r *reader) show() string {
	w := r.world
	s := w.read()
	for _, id := range s.psc {
		if r.names[id] == "" {
			r.names[id] = fmt.Sprintf("p%d", len(r.names)+1)
		}
	}
	var b strings.Builder
	for _, t := range w.tenants.all {
		r.showTenant(&b, s, t)
	}
	for _, id := range s.psc {
		psc := s.pscs[id]
		ready, _ := orrery.FindCondition(psc.Status.Conditions, orrery.ConditionReady)
		fmt.Fprintf(&b, "%s: on %s, generation %s, Ready=%s %s: %s\n", id, psc.SatelliteID, psc.Generation, ready.Status, ready.Reason, ready.Message)
	}
	for _, site := range w.sites {
		var runs []string
		for _, id := range site.physical() {
			c := site.clusters[id]
			runs = append(runs, fmt.Sprintf("%s with %d of %d brokers%s", r.named(id), c.running(), len(c.brokers), c.releases()))
		}
		slices.Sort(runs)
		state := "up"
		if site.satellite == nil {
			state = "down"
		}
		fmt.Fprintf(&b, "%s: %s, %d in its ledger, runs %s\n", site.id, state, len(site.files), cmp.Or(strings.Join(runs, ", "), "nothing"))
	}
	return r.named(b.String())
}

func (r *reader) showTenant(b *strings.Builder, s state, t *tenant) {
	c, exists := s.clusters[t.id]
	switch {
	case t.refused != "":
		fmt.Fprintf(b, "%s: refused: %s\n", t.name, t.refused)
		return
	case t.id == "":
		fmt.Fprintf(b, "%s: not answered yet\n", t.name)
		return
	case !exists:
		fmt.Fprintf(b, "%s: gone\n", t.name)
	default:
		fmt.Fprintf(b, "%s: %s, %s%s\n", t.name, c.Type, c.State.Phase, describe(c))
	}
	for i, id := range t.keys {
		state := "gone"
		if k, ok := s.keys[id]; ok {
			state = strings.TrimSuffix(string(k.State.Phase)+": "+k.State.Reason, ": ")
		}
		fmt.Fprintf(b, "  key %d: %s\n", i+1, state)
	}
	for i, id := range t.bindings {
		state := "gone"
		if k, ok := s.bindings[id]; ok {
			state = strings.TrimSuffix(string(k.State.Phase)+": "+k.State.Reason, ": ")
		}
		fmt.Fprintf(b, "  role binding %d: %s\n", i+1, state)
	}
}

func describe(c orrery.LogicalCluster) (text string) {
	if c.PhysicalClusterID != "" {
		text += ", on " + c.PhysicalClusterID
	}
	if c.State.Reason != "" {
		text += ": " + c.State.Reason
	}
	return text
}

// named puts the names of the script in the place of ids.
func (r *reader) named(text string) string {
	var pairs []string
	for id, name := range r.names {
		pairs = append(pairs, id, name)
	}
	for _, t := range r.world.tenants.all {
		if t.id != "" {
			pairs = append(pairs, t.id, t.name)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

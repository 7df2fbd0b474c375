package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) pscDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe PSC", Short: "Show a physical cluster: conditions, brokers, addresses, and why it is as it is", Args: arguments("PSC"),
		Example: "orrery psc describe pkc-x1y2z3\norrery psc describe pkc-x1y2z3 -o json | jq .status.conditions",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			c, err := api.GetPhysicalCluster(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.show(c, func(w io.Writer) { writePSC(w, c) })
		},
	}
}

func writePSC(w io.Writer, c wire.PhysicalCluster) {
	deleted := ""
	if c.Deleted {
		deleted = "yes: it is being removed"
	}
	details(w, []detail{
		{"ID", c.ID}, {"Ready", pscReady(c)}, {"Deleted", deleted},
		{"Generation", c.Generation.String() + " (observed " + c.Status.ObservedGeneration.String() + ")"},
		{"Satellite", c.Satellite.ID}, {"Created", timeText(c.Metadata.CreatedAt)},
		{"Bootstrap", c.Status.Endpoints.Bootstrap}, {"Kafka REST", c.Status.Endpoints.REST},
	})
	fmt.Fprintln(w, "\nConditions")
	writeConditions(w, c.Status.Conditions)
	fmt.Fprintln(w, "\nBrokers")
	writeBrokers(w, c.Status)
	fmt.Fprintln(w, "\nDesired state, and the rule that set it")
	writeProvenance(w, c)
}

func writeBrokers(w io.Writer, s wire.PhysicalClusterStatus) {
	addresses := map[int32]string{}
	for _, e := range s.Endpoints.Brokers {
		addresses[e.Node] = e.Host + ":" + strconv.Itoa(int(e.Port))
	}
	rows := make([][]string, len(s.Brokers))
	for i, b := range s.Brokers {
		rows[i] = []string{"  " + strconv.Itoa(int(b.Node)), b.State, b.Version, addresses[b.Node], b.Message}
	}
	table(w, []string{"  BROKER", "STATE", "VERSION", "ADDRESS", "MESSAGE"}, rows)
}

// writeProvenance lists each field of the desired state with its value and the rule that set it.
func writeProvenance(w io.Writer, c wire.PhysicalCluster) {
	values := map[string]string{}
	if document, err := json.Marshal(c.Spec); err == nil {
		var spec any
		if json.Unmarshal(document, &spec) == nil {
			leaves(values, "", spec)
		}
	}
	for pointer := range c.Provenance {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(leaf string) bool { return strings.HasPrefix(leaf+"/", pointer+"/") }) {
			values[pointer] = "" // a field that is empty, by a rule
		}
	}
	var rows [][]string
	for _, pointer := range slices.Sorted(maps.Keys(values)) {
		rows = append(rows, []string{"  " + pointer, values[pointer], provenanceOf(c.Provenance, pointer)})
	}
	table(w, []string{"  FIELD", "VALUE", "RULE"}, rows)
}

// leaves collects the scalars of a JSON document by their JSON pointers (RFC 6901).
func leaves(values map[string]string, pointer string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			leaves(values, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key), child)
		}
	case []any:
		for i, child := range v {
			leaves(values, pointer+"/"+strconv.Itoa(i), child)
		}
	case float64:
		values[pointer] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		values[pointer] = fmt.Sprint(v)
	}
}

// provenanceOf returns the rule of a field, or that of the nearest field above it.
func provenanceOf(provenance map[string]string, pointer string) string {
	for ; pointer != ""; pointer = pointer[:strings.LastIndexByte(pointer, '/')] {
		if rule, ok := provenance[pointer]; ok {
			return rule
		}
	}
	return ""
}

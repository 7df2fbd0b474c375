package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) satelliteListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the satellites and how they are", Args: arguments(),
		Example: "orrery satellite list",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			list, err := collect(api.ListSatellites(cmd.Context()))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, s := range list {
					rows[i] = []string{s.ID, s.Spec.Cloud + "/" + s.Spec.Region, s.Spec.Engine, s.Spec.Substrate, s.Spec.Version, readiness(s), readySince(s)}
				}
				table(w, []string{"ID", "SERVES", "ENGINE", "SUBSTRATE", "VERSION", "READY", "SINCE"}, rows)
			})
		},
	}
}

func (p *program) satelliteDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe SATELLITE", Short: "Show a satellite: conditions, labels, capacity", Args: arguments("SATELLITE"),
		Example: "orrery satellite describe sat-x1y2z3\norrery satellite describe sat-x1y2z3 -o json | jq .status.conditions",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			s, err := api.GetSatellite(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.show(s, func(w io.Writer) { writeSatellite(w, s) })
		},
	}
}

func writeSatellite(w io.Writer, s wire.Satellite) {
	details(w, []detail{
		{"ID", s.ID}, {"Ready", readiness(s)}, {"Serves", s.Spec.Cloud + "/" + s.Spec.Region}, {"Labels", labelsText(s.Spec.Labels)},
		{"Engine", s.Spec.Engine}, {"Substrate", s.Spec.Substrate}, {"Version", s.Spec.Version},
		{"Registered", timeText(s.Metadata.CreatedAt)}, {"Reported", timeText(s.Status.ReportedAt)},
	})
	io.WriteString(w, "\nConditions\n")
	writeConditions(w, s.Status.Conditions)
	c := s.Spec.Capacity
	io.WriteString(w, "\nCapacity\n")
	table(w, []string{"  OF", "AT MOST"}, [][]string{
		{"  brokers", strconv.Itoa(c.Brokers)}, {"  logical clusters", strconv.Itoa(c.LogicalClusters)}, {"  partitions", strconv.Itoa(c.Partitions)},
		{"  connections", strconv.Itoa(c.Connections)}, {"  ingress bytes/s", strconv.FormatInt(c.IngressBytesPerSecond, 10)},
		{"  egress bytes/s", strconv.FormatInt(c.EgressBytesPerSecond, 10)}, {"  storage bytes", strconv.FormatInt(c.StorageBytes, 10)},
	})
}

// readiness is the condition Ready with its reason where it is not True; "" where nothing is known.
func readiness(s wire.Satellite) string {
	if c, ok := orrery.FindCondition(s.Status.Conditions, orrery.ConditionReady); ok {
		return conditionText(c)
	}
	return ""
}

// readySince is since when the condition Ready is as it is.
func readySince(s wire.Satellite) string {
	if c, ok := orrery.FindCondition(s.Status.Conditions, orrery.ConditionReady); ok {
		return timeText(c.Since)
	}
	return ""
}

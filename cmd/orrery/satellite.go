package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) satelliteCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "satellite", Aliases: []string{"satellites"}, Short: "See where physical clusters run",
		Long:    "A satellite runs physical clusters on a host or in a Kubernetes cluster, and reports on them.",
		Example: "orrery satellite list",
	}, p.satelliteListCommand())
}

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
					rows[i] = []string{s.ID, s.Spec.Cloud + "/" + s.Spec.Region, s.Spec.Engine, s.Spec.Substrate, s.Spec.Version, readiness(s), timeText(s.Status.ReportedAt)}
				}
				table(w, []string{"ID", "SERVES", "ENGINE", "SUBSTRATE", "VERSION", "READY", "REPORTED"}, rows)
			})
		},
	}
}

// readiness is the condition Ready with its reason where it is not True, or else the first condition that is not
// True; "" where the satellite reports neither.
func readiness(s wire.Satellite) string {
	if c, ok := orrery.FindCondition(s.Status.Conditions, orrery.ConditionReady); ok {
		return conditionText(c)
	}
	for _, c := range s.Status.Conditions {
		if c.Status != orrery.True {
			return c.Type + "=" + conditionText(c)
		}
	}
	return ""
}

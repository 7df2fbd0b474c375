package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"
)

func (p *program) pscListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the physical clusters and how they are", Args: arguments(),
		Example: "orrery psc list",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			list, err := collect(api.ListPhysicalClusters(cmd.Context()))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, c := range list {
					rows[i] = []string{c.ID, c.Spec.Type, c.Spec.Engine + " " + c.Spec.Version, strconv.Itoa(c.Spec.Brokers), c.Satellite.ID,
						c.Generation.String(), c.Status.ObservedGeneration.String(), pscReady(c)}
				}
				table(w, []string{"ID", "TYPE", "ENGINE", "BROKERS", "SATELLITE", "GENERATION", "OBSERVED", "READY"}, rows)
			})
		},
	}
}

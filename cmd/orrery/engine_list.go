package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) engineListCommand() *cobra.Command {
	var cache string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the versions of Apache Kafka and which are here", Args: arguments(),
		Long: `List the versions of Apache Kafka that this program knows, and what the cache has of
them: ready, fetched (its class archive is still to be made) or absent. Only names are
looked at; "orrery engine install" checks the files.`,
		Example: "orrery engine list\norrery engine list -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			facts, err := engineVersions(cache)
			if err != nil {
				return explainEngine(err)
			}
			return p.show(facts, func(w io.Writer) {
				rows := make([][]string, len(facts))
				for i, f := range facts {
					byDefault := ""
					if f.Default {
						byDefault = "yes"
					}
					rows[i] = []string{f.Version, byDefault, f.State, f.Directory}
				}
				table(w, []string{"VERSION", "DEFAULT", "STATE", "DIRECTORY"}, rows)
			})
		},
	}
	engineCacheFlag(cmd.Flags(), &cache)
	return cmd
}

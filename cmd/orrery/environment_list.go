package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) environmentListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the environments", Args: arguments(),
		Example: "orrery environment list\norrery environment list -o json | jq -r '.[].id'",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			list, err := collect(api.ListEnvironments(cmd.Context()))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, e := range list {
					rows[i] = []string{e.ID, e.DisplayName, timeText(e.Metadata.CreatedAt)}
				}
				table(w, []string{"ID", "NAME", "CREATED"}, rows)
			})
		},
	}
}

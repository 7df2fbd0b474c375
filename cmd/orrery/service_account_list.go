package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) serviceAccountListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the service accounts", Args: arguments(),
		Example: "orrery service-account list",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			list, err := collect(api.ListServiceAccounts(cmd.Context(), ""))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, s := range list {
					rows[i] = []string{s.ID, s.DisplayName, s.Description, timeText(s.Metadata.CreatedAt)}
				}
				table(w, []string{"ID", "NAME", "DESCRIPTION", "CREATED"}, rows)
			})
		},
	}
}

package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) userCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "user", Aliases: []string{"users"}, Short: "See who belongs to the organization", Example: "orrery user list",
	}, p.userListCommand())
}

func (p *program) userListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the users", Args: arguments(),
		Example: "orrery user list",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			list, err := collect(api.ListUsers(cmd.Context()))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, u := range list {
					rows[i] = []string{u.ID, u.FullName, u.Email, timeText(u.Metadata.CreatedAt)}
				}
				table(w, []string{"ID", "NAME", "EMAIL", "CREATED"}, rows)
			})
		},
	}
}

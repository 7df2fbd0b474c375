package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) apiKeyListCommand() *cobra.Command {
	var environment, resource, owner string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List API keys, without their secrets", Args: arguments(),
		Example: "orrery api-key list\norrery api-key list --resource demo",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			switch {
			case strings.EqualFold(resource, "cloud"):
				resource = "cloud"
			case resource != "":
				c, err := p.cluster(cmd.Context(), api, environment, resource)
				if err != nil {
					return err
				}
				resource = c.ID
			}
			if owner != "" {
				account, err := serviceAccount(cmd.Context(), api, owner)
				if err != nil {
					return err
				}
				owner = account.ID
			}
			list, err := collect(api.ListAPIKeys(cmd.Context(), owner, resource))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, k := range list {
					rows[i] = []string{k.ID, apiKeyResource(k), referenceID(k.Spec.Owner), k.Spec.Description, timeText(k.Metadata.CreatedAt)}
				}
				table(w, []string{"KEY", "RESOURCE", "OWNER", "DESCRIPTION", "CREATED"}, rows)
			})
		},
	}
	cmd.Flags().StringVar(&resource, "resource", "", "only those for a `CLUSTER` (id or name), or for cloud")
	cmd.Flags().StringVar(&environment, "environment", "", "`ENVIRONMENT` of the cluster: id or name (default: the first)")
	cmd.Flags().StringVar(&owner, "service-account", "", "only those of an `OWNER`: id or name of a service account")
	return cmd
}

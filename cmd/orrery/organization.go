package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) organizationCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "organization", Aliases: []string{"org"}, Short: "See the organization that the key belongs to", Example: "orrery organization describe",
	}, p.organizationDescribeCommand())
}

func (p *program) organizationDescribeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe", Short: "Show the organization", Args: arguments(),
		Example: "orrery organization describe",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			o, err := organization(cmd.Context(), api)
			if err != nil {
				return err
			}
			return p.show(o, func(w io.Writer) {
				details(w, []detail{{"ID", o.ID}, {"Name", o.DisplayName}, {"Created", timeText(o.Metadata.CreatedAt)}, {"Resource name", o.Metadata.ResourceName}})
			})
		},
	}
}

// organization is the one that the API key belongs to: the API lists no other.
func organization(ctx context.Context, api *client.Client) (wire.Organization, error) {
	list, err := collect(api.ListOrganizations(ctx))
	if err != nil {
		return wire.Organization{}, err
	}
	if len(list) == 0 {
		return wire.Organization{}, failed("", "the API key belongs to no organization").withCode(orrery.NotFound)
	}
	return list[0], nil
}

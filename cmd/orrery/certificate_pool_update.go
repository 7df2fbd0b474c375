package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) certificatePoolUpdateCommand() *cobra.Command {
	var name, description, filter, identifier, cluster string
	var authority, environment *string
	cmd := &cobra.Command{
		Use: "update POOL", Short: "Change a certificate pool", Args: arguments("POOL"),
		Example: `orrery certificate-pool update apps --authority ours --filter 'OU == "orders"'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.CertificatePoolUpdate
			changes := 0
			for flag, set := range map[string]func(){
				"name": func() { change.DisplayName = &name }, "description": func() { change.Description = &description },
				"filter": func() { change.Filter = &filter }, "external-identifier": func() { change.ExternalIdentifier = &identifier },
				"cluster": func() { change.LogicalCluster = &cluster },
			} {
				if cmd.Flags().Changed(flag) {
					set()
					changes++
				}
			}
			if changes == 0 {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			a, found, err := certificatePoolOf(cmd.Context(), api, *authority, args[0])
			if err != nil {
				return err
			}
			if cluster, err = p.poolCluster(cmd.Context(), api, *environment, cluster); err != nil {
				return err
			}
			if found, err = api.UpdateCertificatePool(cmd.Context(), a.ID, found.ID, change); err != nil {
				return err
			}
			return p.showCertificatePool(found)
		},
	}
	authority = authorityFlag(cmd)
	cmd.Flags().StringVar(&name, "name", "", "new `NAME`")
	cmd.Flags().StringVar(&description, "description", "", "new `TEXT` that says what it is for")
	cmd.Flags().StringVar(&filter, "filter", "", "new CEL `EXPRESSION` over parts of a certificate that one must fulfil")
	cmd.Flags().StringVar(&identifier, "external-identifier", "", "new `PART` of a certificate that says who somebody is")
	cmd.Flags().StringVar(&cluster, "cluster", "", "new `CLUSTER` to which the certificates lead: id or name; empty for the only one")
	environment = environmentFlag(cmd)
	changeSettings(cmd.Flags(), "name", "description", "filter", "external-identifier", "cluster")
	return cmd
}

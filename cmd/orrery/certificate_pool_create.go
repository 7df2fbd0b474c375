package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) certificatePoolCreateCommand() *cobra.Command {
	var in wire.CertificatePool
	var authority *string
	var environment *string
	var cluster string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a certificate pool", Args: arguments("NAME"),
		Example: `orrery certificate-pool create apps --authority ours --cluster demo --filter 'CN.startsWith("svc-")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.Filter == "" {
				return usageError(`such as --filter 'CN.startsWith("svc-")'; --filter true lets every certificate of the authority in`, "--filter is missing")
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := certificateAuthority(cmd.Context(), api, *authority)
			if err != nil {
				return err
			}
			if in.LogicalCluster, err = p.poolCluster(cmd.Context(), api, *environment, cluster); err != nil {
				return err
			}
			in.DisplayName = args[0]
			created, err := api.CreateCertificatePool(cmd.Context(), a.ID, in)
			if err != nil {
				return err
			}
			return p.showCertificatePool(created)
		},
	}
	authority = authorityFlag(cmd)
	cmd.Flags().StringVar(&in.Filter, "filter", "", "CEL `EXPRESSION` over parts of a certificate that one must fulfil")
	cmd.Flags().StringVar(&cluster, "cluster", "", "`CLUSTER` to which the certificates lead: id or name (default: the only one where the client connects)")
	environment = environmentFlag(cmd)
	cmd.Flags().StringVar(&in.ExternalIdentifier, "external-identifier", "CN", "`PART` of a certificate that says who somebody is, for logs")
	cmd.Flags().StringVar(&in.Description, "description", "", "`TEXT` that says what it is for")
	return cmd
}

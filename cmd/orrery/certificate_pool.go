package main

import (
	"cmp"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) certificatePoolCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "certificate-pool", Aliases: []string{"certificate-pools"}, Short: "Say which client certificates lead to which cluster, with which rights",
		Long: `A certificate pool is a group of client certificates of one certificate authority: those
that fulfil its filter, a CEL expression (https://cel.dev) over the strings CN, O, OU, C, L,
ST, STREET, DC, UID, SNID (the serial number), SHA1 (the fingerprint) and the list SAN. They
lead to the pool's cluster. The pool may do nothing there until a role binding or an ACL says
so. Where several pools let a certificate in, it is of the oldest.`,
		Example: `orrery certificate-pool create apps --authority ours --cluster demo --filter 'O == "Example" && CN.startsWith("svc-")'
orrery role-binding create --principal User:pool-x1y2z3 --role DeveloperRead --cluster demo --topic 'sales.*'`,
	},
		p.certificatePoolCreateCommand(), p.certificatePoolListCommand(), p.certificatePoolDescribeCommand(),
		p.certificatePoolUpdateCommand(), p.certificatePoolDeleteCommand())
}

// authorityFlag adds --authority.
func authorityFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("authority", "", "certificate `AUTHORITY` of the pool: id or name (default: the only one)")
}

// certificatePoolOf finds a certificate pool, and its authority.
func certificatePoolOf(ctx context.Context, api *client.Client, authority, reference string) (wire.CertificateAuthority, wire.CertificatePool, error) {
	a, err := certificateAuthority(ctx, api, authority)
	if err != nil {
		return a, wire.CertificatePool{}, err
	}
	found, err := certificatePool(ctx, api, a.ID, reference)
	return a, found, err
}

// poolCluster is the id of the cluster that --cluster names; "" is none.
func (p *program) poolCluster(ctx context.Context, api *client.Client, environment, reference string) (string, error) {
	if reference == "" {
		return "", nil
	}
	c, err := p.cluster(ctx, api, environment, reference)
	return c.ID, err
}

func (p *program) showCertificatePool(i wire.CertificatePool) error {
	return p.show(i, func(w io.Writer) {
		details(w, []detail{
			{"ID", i.ID}, {"Name", i.DisplayName}, {"Description", i.Description}, {"Principal", "User:" + i.Principal},
			{"Cluster", cmp.Or(i.LogicalCluster, "the only one")}, {"External identifier", i.ExternalIdentifier}, {"Filter", i.Filter},
			{"Created", timeText(i.Metadata.CreatedAt)}, {"Resource name", i.Metadata.ResourceName},
		})
	})
}

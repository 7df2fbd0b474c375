package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) identityPoolCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "identity-pool", Aliases: []string{"identity-pools", "pool"}, Short: "Say which identities of an identity provider have which rights",
		Long: `An identity pool is a group of identities of one identity provider: those whose token
fulfils its filter, a CEL expression over claims (https://cel.dev). A client names the
pool when it logs in. The pool may do nothing until a role binding says so.`,
		Example: `orrery identity-pool create apps --provider okta --filter '"kafka" in claims.aud && claims.sub.startsWith("svc-")'
orrery role-binding create --principal User:pool-x1y2z3 --role DeveloperRead --cluster demo --topic 'sales.*'`,
	},
		p.identityPoolCreateCommand(), p.identityPoolListCommand(), p.identityPoolDescribeCommand(),
		p.identityPoolUpdateCommand(), p.identityPoolDeleteCommand())
}

// providerFlag adds --provider.
func providerFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("provider", "", "identity `PROVIDER` of the pool: id or name (default: the only one)")
}

// pool finds an identity pool, and its provider.
func pool(ctx context.Context, api *client.Client, provider, reference string) (wire.IdentityProvider, wire.IdentityPool, error) {
	i, err := identityProvider(ctx, api, provider)
	if err != nil {
		return i, wire.IdentityPool{}, err
	}
	found, err := identityPool(ctx, api, i.ID, reference)
	return i, found, err
}

func (p *program) showIdentityPool(i wire.IdentityPool) error {
	return p.show(i, func(w io.Writer) {
		details(w, []detail{
			{"ID", i.ID}, {"Name", i.DisplayName}, {"Description", i.Description}, {"Principal", "User:" + i.Principal},
			{"Identity claim", i.IdentityClaim}, {"Filter", i.Filter},
			{"Created", timeText(i.Metadata.CreatedAt)}, {"Resource name", i.Metadata.ResourceName},
		})
	})
}

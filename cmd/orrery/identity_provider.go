package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) identityProviderCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "identity-provider", Aliases: []string{"identity-providers", "provider"}, Short: "Let the tokens of an OAuth/OIDC server log in",
		Long: `An identity provider is an OAuth/OIDC server whose tokens log in to Kafka clusters with
SASL/OAUTHBEARER. What its identities may do is said of its identity pools.`,
		Example: `orrery identity-provider create okta --issuer https://example.okta.com/oauth2 --jwks-uri https://example.okta.com/oauth2/v1/keys
orrery identity-pool create apps --provider okta --filter '"kafka" in claims.aud'`,
	},
		p.identityProviderCreateCommand(), p.identityProviderListCommand(), p.identityProviderDescribeCommand(),
		p.identityProviderUpdateCommand(), p.identityProviderDeleteCommand())
}

func (p *program) showIdentityProvider(i wire.IdentityProvider) error {
	return p.show(i, func(w io.Writer) {
		var keys []string
		for _, k := range i.Keys {
			keys = append(keys, named(k.KeyID, k.Algorithm))
		}
		details(w, []detail{
			{"ID", i.ID}, {"Name", i.DisplayName}, {"Description", i.Description}, {"Issuer", i.Issuer}, {"JWKS URI", i.JWKSURI},
			{"Audiences", strings.Join(i.Audiences, ", ")}, {"Keys", strings.Join(keys, ", ")},
			{"Created", timeText(i.Metadata.CreatedAt)}, {"Resource name", i.Metadata.ResourceName},
		})
		if len(i.Conditions) > 0 {
			io.WriteString(w, "\n")
			writeConditions(w, i.Conditions)
		}
	})
}

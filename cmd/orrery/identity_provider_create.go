package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) identityProviderCreateCommand() *cobra.Command {
	var in wire.IdentityProvider
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create an identity provider", Args: arguments("NAME"),
		Example: "orrery identity-provider create okta --issuer https://example.okta.com/oauth2 --jwks-uri https://example.okta.com/oauth2/v1/keys",
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.Issuer == "" || in.JWKSURI == "" {
				return usageError("both are in the server's /.well-known/openid-configuration: issuer, and jwks_uri", "--issuer and --jwks-uri are needed")
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			in.DisplayName = args[0]
			i, err := api.CreateIdentityProvider(cmd.Context(), in)
			if err != nil {
				return err
			}
			return p.showIdentityProvider(i)
		},
	}
	cmd.Flags().StringVar(&in.Issuer, "issuer", "", "https `URI` that tokens have as their iss")
	cmd.Flags().StringVar(&in.JWKSURI, "jwks-uri", "", "https `URI` of the public keys")
	cmd.Flags().StringSliceVar(&in.Audiences, "audience", nil, "`AUDIENCE,...`: tokens must have one of them as their aud (default: the pools' filters say)")
	cmd.Flags().StringVar(&in.Description, "description", "", "`TEXT` that says what it is for")
	return cmd
}

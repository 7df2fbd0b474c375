package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) certificateAuthorityUpdateCommand() *cobra.Command {
	var files authorityFiles
	var name, description string
	var none bool
	cmd := &cobra.Command{
		Use: "update AUTHORITY", Short: "Change a certificate authority, its chain or its revocation lists", Args: arguments("AUTHORITY"),
		Long: `Change a certificate authority. A chain or revocation lists take the place of those that
were uploaded before. Connections of certificates that do not hold any more have ended when
this returns; all others go on. So a certificate authority is replaced in two steps: first
with a chain that has both, the old one and the new one, and once every client has a
certificate of the new one, with a chain that has only that.`,
		Example: "orrery certificate-authority update ours --crl ca.crl\norrery certificate-authority update ours --chain old-and-new.pem",
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.CertificateAuthorityInput
			if cmd.Flags().Changed("name") {
				change.DisplayName = &name
			}
			if cmd.Flags().Changed("description") {
				change.Description = &description
			}
			if none {
				change.CRLChain = new(string)
			}
			if err := files.read(&change); err != nil {
				return err
			}
			if change.DisplayName == nil && change.Description == nil && change.CertificateChain == nil && change.CRLChain == nil {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := certificateAuthority(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if a, err = api.UpdateCertificateAuthority(cmd.Context(), a.ID, change); err != nil {
				return err
			}
			return p.showCertificateAuthority(a)
		},
	}
	files.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "new `NAME`")
	cmd.Flags().StringVar(&description, "description", "", "new `TEXT` that says what it is for")
	cmd.Flags().BoolVar(&none, "no-crl", false, "take the revocation lists away")
	cmd.MarkFlagsMutuallyExclusive("crl", "no-crl")
	changeSettings(cmd.Flags(), "name", "description", "chain", "crl", "no-crl")
	return cmd
}

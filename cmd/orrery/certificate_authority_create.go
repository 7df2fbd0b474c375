package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) certificateAuthorityCreateCommand() *cobra.Command {
	var files authorityFiles
	var description string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a certificate authority from its chain", Args: arguments("NAME"),
		Example: "orrery certificate-authority create ours --chain ca-chain.pem --crl ca.crl",
		RunE: func(cmd *cobra.Command, args []string) error {
			if files.chain == "" {
				return usageError("it is a PEM file with every certificate that signs those of clients", "--chain is missing")
			}
			in := wire.CertificateAuthorityInput{DisplayName: &args[0], Description: &description}
			if err := files.read(&in); err != nil {
				return err
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := api.CreateCertificateAuthority(cmd.Context(), in)
			if err != nil {
				return err
			}
			return p.showCertificateAuthority(a)
		},
	}
	files.add(cmd)
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` that says what it is for")
	return cmd
}

package main

import (
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) certificateAuthorityListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the certificate authorities", Args: arguments(),
		Example: "orrery certificate-authority list",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			list, err := collect(api.ListCertificateAuthorities(cmd.Context()))
			if err != nil {
				return err
			}
			return p.show(orEmpty(list), func(w io.Writer) {
				rows := make([][]string, len(list))
				for i, each := range list {
					first := ""
					if len(each.ExpirationDates) > 0 {
						first = daysLeft(slices.MinFunc(each.ExpirationDates, time.Time.Compare))
					}
					rows[i] = []string{each.ID, each.DisplayName, each.CertificateChainFilename, first}
				}
				table(w, []string{"ID", "NAME", "CHAIN", "DAYS LEFT"}, rows)
			})
		},
	}
}

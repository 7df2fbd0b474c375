package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) serviceAccountCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "service-account", Aliases: []string{"sa", "service-accounts"}, Short: "Give programs an identity of their own",
		Long: `A service account is the identity of a program. It may do nothing until a role binding
says so; its API keys are made with "orrery api-key create --service-account".`,
		Example: `orrery service-account create reports --description "nightly reports"
orrery role-binding create --service-account reports --role CloudClusterAdmin --cluster demo
orrery api-key create --service-account reports --resource demo`,
	},
		p.serviceAccountCreateCommand(), p.serviceAccountListCommand(), p.serviceAccountDescribeCommand(),
		p.serviceAccountUpdateCommand(), p.serviceAccountDeleteCommand())
}

func (p *program) showServiceAccount(s wire.ServiceAccount) error {
	return p.show(s, func(w io.Writer) {
		details(w, []detail{{"ID", s.ID}, {"Name", s.DisplayName}, {"Description", s.Description}, {"Created", timeText(s.Metadata.CreatedAt)}, {"Resource name", s.Metadata.ResourceName}})
	})
}

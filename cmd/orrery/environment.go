package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) environmentCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "environment", Aliases: []string{"env", "environments"}, Short: "Group clusters, such as test and production",
		Long: `An environment groups clusters. A new service has one; commands use the first unless
--environment (or ORRERY_ENVIRONMENT) names another.`,
		Example: "orrery environment create production\norrery environment list",
	},
		p.environmentCreateCommand(), p.environmentListCommand(), p.environmentDescribeCommand(),
		p.environmentUpdateCommand(), p.environmentDeleteCommand())
}

func (p *program) showEnvironment(e wire.Environment) error {
	return p.show(e, func(w io.Writer) {
		list := []detail{{"ID", e.ID}, {"Name", e.DisplayName}}
		if e.StreamGovernanceConfig != nil {
			list = append(list, detail{"Stream governance", e.StreamGovernanceConfig.Package})
		}
		details(w, append(list, detail{"Created", timeText(e.Metadata.CreatedAt)}, detail{"Resource name", e.Metadata.ResourceName}))
	})
}

// timeText shows a time to the second, in UTC, so that two people read the same.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

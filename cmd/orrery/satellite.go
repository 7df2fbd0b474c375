package main

import (
	"github.com/spf13/cobra"
)

// runsItself marks a command that does something itself and has others below it.
const runsItself = "orrery-runs-itself"

func (p *program) satelliteCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "satellite", Aliases: []string{"satellites"}, Short: "Run physical clusters for a mothership, or see where they run",
		Long: satelliteLong, Annotations: map[string]string{runsItself: ""},
		Example: `orrery satellite list
orrery satellite --dir ./satellite --url https://orrery.example.com:8443 --ca-file ca.pem --region aws/eu-central-1`,
	}, p.satelliteListCommand(), p.satelliteDescribeCommand())
	var f satelliteFlags
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return p.satellite(cmd.Context(), f) }
	return cmd
}

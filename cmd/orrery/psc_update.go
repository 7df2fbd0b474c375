package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) pscUpdateCommand() *cobra.Command {
	var version string
	var brokers int
	var pause, resume bool
	var bake time.Duration
	cmd := &cobra.Command{
		Use: "update PSC", Short: "Set the version, the brokers, a pause or the bake time of a physical cluster by hand", Args: arguments("PSC"),
		Long: `Sets fields of a physical cluster by hand, over what its profile says. They stay until they
are set to "" or 0, which leaves them to the profile again. The command returns at once;
"orrery psc describe" says how far the cluster is, and what is refused.

An upgrade restarts one broker after another while clients go on. It can be taken back, by the
version before, until the cluster has been healthy for the bake time: then what only the new
version can read is written.`,
		Example: `orrery psc update pkc-x1y2z3 --version 4.3.1
orrery psc update pkc-x1y2z3 --brokers 5
orrery psc update pkc-x1y2z3 --pause`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.PhysicalClusterUpdate
			changed := cmd.Flags().Changed
			if changed("version") {
				change.Spec.Version = &version
			}
			if changed("brokers") {
				change.Spec.Brokers = &brokers
			}
			if changed("bake") {
				seconds := int64(bake / time.Second)
				if bake < 0 || bake > 0 && seconds == 0 {
					return orrery.Errorf(orrery.Invalid, "--bake %s is not a second or more", bake)
				}
				change.Spec.BakeSeconds = &seconds
			}
			if pause || resume {
				change.Spec.Paused = &pause
			}
			if change.Spec == (wire.PhysicalClusterSpecUpdate{}) {
				return nothingToChange(cmd)
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			c, err := api.UpdatePhysicalCluster(cmd.Context(), args[0], change)
			if err != nil {
				return err
			}
			return p.show(c, func(w io.Writer) { writePSC(w, c) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&version, "version", "", "`VERSION` of Apache Kafka to run")
	flags.IntVar(&brokers, "brokers", 0, "how many brokers it has (`N`)")
	flags.BoolVar(&pause, "pause", false, "look and report, and do nothing to it")
	flags.BoolVar(&resume, "resume", false, "end a pause")
	flags.DurationVar(&bake, "bake", 0, "how long an upgraded cluster must have been healthy before the upgrade is final (`DURATION`)")
	cmd.MarkFlagsMutuallyExclusive("pause", "resume")
	changeSettings(flags, "version", "brokers", "pause", "resume", "bake")
	return cmd
}

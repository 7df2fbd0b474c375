package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) kafkaClusterCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "cluster", Aliases: []string{"clusters"}, Short: "Create and manage Kafka clusters",
		Long: `A Kafka cluster takes clients at its bootstrap address, with TLS and an API key.
Basic and standard clusters share brokers with others and see nothing of them; a
dedicated cluster has brokers of its own.`,
		Example: "orrery kafka cluster create demo\norrery kafka cluster describe demo",
	},
		p.kafkaClusterCreateCommand(), p.kafkaClusterListCommand(), p.kafkaClusterDescribeCommand(),
		p.kafkaClusterUpdateCommand(), p.kafkaClusterDeleteCommand())
}

// environmentFlag adds --environment.
func environmentFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("environment", "", "`ENVIRONMENT` of the cluster: id or name (default: the first)")
}

// showCluster writes a cluster; why says what it waits for, where that is known.
func (p *program) showCluster(c wire.Cluster, why *wire.LogicalCluster) error {
	return p.show(c, func(w io.Writer) {
		list := []detail{
			{"ID", c.ID}, {"Name", c.Spec.DisplayName}, {"Type", clusterType(c)}, {"Status", c.Status.Phase},
		}
		if why != nil && c.Status.Phase != wire.PhaseProvisioned {
			list = append(list, detail{"Reason", why.Status.State.Reason})
		}
		list = append(list,
			detail{"Bootstrap", hostPort(c.Spec.KafkaBootstrapEndpoint)},
			detail{"Kafka REST", c.Spec.HTTPEndpoint},
			detail{"Cloud", c.Spec.Cloud}, detail{"Region", c.Spec.Region}, detail{"Availability", c.Spec.Availability},
			detail{"Deletion protection", onOff(c.Spec.DeletionProtection)})
		if c.Spec.Environment != nil {
			list = append(list, detail{"Environment", c.Spec.Environment.ID})
		}
		if why != nil && why.Status.PhysicalCluster.IsSet() {
			list = append(list, detail{"Physical cluster", why.Status.PhysicalCluster.ID})
		}
		details(w, append(list, detail{"Created", timeText(c.Metadata.CreatedAt)}, detail{"Resource name", c.Metadata.ResourceName}))
		if why != nil {
			writeUnhealthy(w, why.Status.Conditions)
		}
	})
}

// writeUnhealthy lists the conditions that are not as they should be.
func writeUnhealthy(w io.Writer, conditions []orrery.Condition) {
	var bad []orrery.Condition
	for _, c := range conditions {
		if c.Status != orrery.True {
			bad = append(bad, c)
		}
	}
	if len(bad) > 0 {
		io.WriteString(w, "\nIts physical cluster is not as it should be:\n")
		writeConditions(w, bad)
	}
}

func clusterType(c wire.Cluster) string {
	switch {
	case c.Spec.Config.CKU > 0:
		return c.Spec.Config.Kind + ", " + strconv.Itoa(c.Spec.Config.CKU) + " CKU"
	case c.Spec.Config.MaxECKU > 0:
		return c.Spec.Config.Kind + ", at most " + strconv.Itoa(c.Spec.Config.MaxECKU) + " eCKU"
	}
	return c.Spec.Config.Kind
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) pscCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "psc", Aliases: []string{"physical-cluster"}, Short: "See and change the physical clusters behind the Kafka clusters",
		Long: `A PSC (physical stateful cluster) is what really runs: brokers with disks, in a desired
state with a generation number. It hosts one dedicated Kafka cluster, or many others.`,
		Example: "orrery psc list\norrery psc describe pkc-x1y2z3",
	}, p.pscListCommand(), p.pscDescribeCommand(), p.pscUpdateCommand())
}

// conditionText is "True", or "False (BrokerStopped: broker 2 is stopped)".
func conditionText(c orrery.Condition) string {
	if c.Status == orrery.True {
		return string(c.Status)
	}
	return fmt.Sprintf("%s (%s)", c.Status, reasonText(c))
}

func reasonText(c orrery.Condition) string {
	if c.Message == "" {
		return c.Reason
	}
	return c.Reason + ": " + c.Message
}

// writeConditions lists conditions with their reasons.
func writeConditions(w io.Writer, conditions []orrery.Condition) {
	rows := make([][]string, len(conditions))
	for i, c := range conditions {
		rows[i] = []string{"  " + c.Type, string(c.Status), timeText(c.Since), reasonText(c)}
	}
	table(w, []string{"  CONDITION", "STATUS", "SINCE", "REASON"}, rows)
}

// pscReady is the summary of a physical cluster with its reason.
func pscReady(c wire.PhysicalCluster) string {
	condition, ok := orrery.FindCondition(c.Status.Conditions, orrery.ConditionReady)
	if ok && condition.Status == c.Status.Ready {
		return conditionText(condition)
	}
	if c.Status.ObservedGeneration.Compare(c.Generation) < 0 {
		return fmt.Sprintf("%s (generation %s is not observed yet)", c.Status.Ready, c.Generation)
	}
	return string(c.Status.Ready)
}

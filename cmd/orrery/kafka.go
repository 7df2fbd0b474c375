package main

import "github.com/spf13/cobra"

func (p *program) kafkaCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "kafka", Short: "Create clusters and topics, write and read records",
		Example: `orrery kafka cluster create demo
orrery kafka topic create greetings
orrery kafka client-config java > client.properties`,
	}, p.kafkaClusterCommand(), p.kafkaTopicCommand(), p.kafkaACLCommand(), p.kafkaQuotaCommand(), p.kafkaUsageCommand(), p.kafkaWhyCommand(), p.kafkaClientConfigCommand())
}

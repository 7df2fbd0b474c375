package main

import "github.com/spf13/cobra"

func (p *program) kafkaTopicDeleteCommand() *cobra.Command {
	var f clusterFlag
	var force *bool
	cmd := &cobra.Command{
		Use: "delete TOPIC", Aliases: []string{"rm"}, Short: "Delete a topic with its records", Args: arguments("TOPIC"),
		Example: "orrery kafka topic delete greetings --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			rest, err := p.topics(cmd.Context(), f)
			if err != nil {
				return err
			}
			if _, err := rest.GetTopic(cmd.Context(), args[0]); err != nil {
				return err
			}
			if err := p.confirm(*force, "the topic "+args[0]+" of "+rest.ClusterID+" with all its records"); err != nil {
				return err
			}
			if err := rest.DeleteTopic(cmd.Context(), args[0]); err != nil {
				return err
			}
			p.tell("Deleted the topic %s.", args[0])
			return nil
		},
	}
	f.add(cmd.Flags())
	force = forceFlags(cmd)
	return cmd
}

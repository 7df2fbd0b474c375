package main

import "github.com/spf13/cobra"

func (p *program) kafkaACLListCommand() *cobra.Command {
	var f aclFlags
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the ACLs of a Kafka cluster", Args: arguments(),
		Example: "orrery kafka acl list\norrery kafka acl list --service-account sa-abc123\norrery kafka acl list --topic orders -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			rest, err := p.topics(cmd.Context(), f.cluster)
			if err != nil {
				return err
			}
			acls, err := rest.ListACLs(cmd.Context(), filter)
			if err != nil {
				return err
			}
			return p.showACLs(acls)
		},
	}
	f.addResource(cmd.Flags())
	return cmd
}

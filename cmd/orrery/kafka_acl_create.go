package main

import "github.com/spf13/cobra"

func (p *program) kafkaACLCreateCommand() *cobra.Command {
	var f aclFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Create ACLs, one for each operation", Args: arguments(),
		Example: `orrery kafka acl create --allow --service-account sa-abc123 --operations read,describe --topic orders- --prefix
orrery kafka acl create --allow --service-account sa-abc123 --operations read --consumer-group workers
orrery kafka acl create --deny --principal User:* --operations delete --topic audit`,
		RunE: func(cmd *cobra.Command, args []string) error {
			acls, err := f.rules()
			if err != nil {
				return err
			}
			rest, err := p.topics(cmd.Context(), f.cluster)
			if err != nil {
				return err
			}
			if err := rest.CreateACLs(cmd.Context(), acls); err != nil {
				return err
			}
			return p.showACLs(acls)
		},
	}
	f.addRule(cmd.Flags())
	return cmd
}

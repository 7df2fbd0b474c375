package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/client"
)

func (p *program) kafkaACLDeleteCommand() *cobra.Command {
	var f aclFlags
	var force *bool
	cmd := &cobra.Command{
		Use: "delete", Aliases: []string{"rm"}, Short: "Delete ACLs, one for each operation", Args: arguments(),
		Example: "orrery kafka acl delete --allow --service-account sa-abc123 --operations read,describe --topic orders- --prefix --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			acls, err := f.rules()
			if err != nil {
				return err
			}
			rest, err := p.topics(cmd.Context(), f.cluster)
			if err != nil {
				return err
			}
			if err := p.confirm(*force, strconv.Itoa(len(acls))+" ACLs of "+acls[0].Principal+" in "+rest.ClusterID); err != nil {
				return err
			}
			var deleted []client.ACL
			for _, acl := range acls {
				gone, err := rest.DeleteACLs(cmd.Context(), acl)
				if err != nil {
					return err
				}
				deleted = append(deleted, gone...)
			}
			p.tell("Deleted %d of %d ACLs.", len(deleted), len(acls))
			return p.showACLs(deleted)
		},
	}
	f.addRule(cmd.Flags())
	force = forceFlags(cmd)
	return cmd
}

package main

import (
	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) kafkaClusterUpdateCommand() *cobra.Command {
	var environment *string
	var name, kind string
	var cku, maxECKU int
	var protection bool
	cmd := &cobra.Command{
		Use: "update CLUSTER", Short: "Rename a Kafka cluster, or change its size or protection", Args: arguments("CLUSTER"),
		Example: `orrery kafka cluster update demo --name orders
orrery kafka cluster update orders --deletion-protection=false`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var change wire.ClusterUpdate
			changed := cmd.Flags().Changed
			if changed("name") {
				change.Spec.DisplayName = &name
			}
			if changed("deletion-protection") {
				change.Spec.DeletionProtection = &protection
			}
			config, err := configUpdate(changed, kind, cku, maxECKU)
			if err != nil {
				return err
			}
			change.Spec.Config = config
			if change.Spec.DisplayName == nil && change.Spec.DeletionProtection == nil && config == nil {
				return nothingToChange(cmd)
			}
			return p.updateCluster(cmd, *environment, args[0], change)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "new `NAME`")
	flags.StringVar(&kind, "type", "", "new `TYPE`, such as standard for a basic cluster")
	flags.IntVar(&cku, "cku", 0, "new size of a dedicated cluster, in Confluent units for Kafka (`N`)")
	flags.IntVar(&maxECKU, "max-ecku", 0, "new bound of a basic or standard cluster, in elastic units (`N`)")
	flags.BoolVar(&protection, "deletion-protection", false, "refuse to delete the cluster")
	changeSettings(flags, "name", "type", "cku", "max-ecku", "deletion-protection")
	environment = environmentFlag(cmd)
	return cmd
}

// configUpdate is the part of an update that is about size and type, or nil.
func configUpdate(changed func(string) bool, kind string, cku, maxECKU int) (*wire.ClusterConfigUpdate, error) {
	if !changed("type") && !changed("cku") && !changed("max-ecku") {
		return nil, nil
	}
	update := &wire.ClusterConfigUpdate{}
	if changed("type") {
		word, err := oneWord("type", kind, "Basic", "Standard", "Dedicated")
		if err != nil {
			return nil, err
		}
		update.Kind = &word
	}
	if changed("cku") {
		update.CKU = &cku
	}
	if changed("max-ecku") {
		update.MaxECKU = &maxECKU
	}
	return update, nil
}

func (p *program) updateCluster(cmd *cobra.Command, environment, reference string, change wire.ClusterUpdate) error {
	api, err := p.api()
	if err != nil {
		return err
	}
	c, err := p.cluster(cmd.Context(), api, environment, reference)
	if err != nil {
		return err
	}
	change.Spec.Environment = c.Spec.Environment
	if change.Spec.Config != nil && change.Spec.Config.Kind == nil {
		change.Spec.Config.Kind = &c.Spec.Config.Kind // the API tells the types apart by it
	}
	if c, err = api.UpdateCluster(cmd.Context(), c.ID, change); err != nil {
		return err
	}
	return p.showCluster(c, nil)
}

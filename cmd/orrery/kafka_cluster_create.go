package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

// clusterFlags are what a new cluster is to be.
type clusterFlags struct {
	kind, cloud, region, availability string
	cku, maxECKU                      int
	deletionProtection                bool
	wait, noWait                      bool
	timeout                           time.Duration
}

func (p *program) kafkaClusterCreateCommand() *cobra.Command {
	var f clusterFlags
	var environment *string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a Kafka cluster", Args: arguments("NAME"),
		Long: `Create a Kafka cluster, and wait until it takes clients. While it waits it says on
stderr what for.`,
		Example: `orrery kafka cluster create demo
orrery kafka cluster create orders --type standard --deletion-protection
orrery kafka cluster create ledger --type dedicated --cku 2
orrery kafka cluster create later --no-wait -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := f.request(args[0])
			if err != nil {
				return err
			}
			return p.createCluster(cmd.Context(), *environment, request, f)
		},
	}
	f.add(cmd)
	environment = environmentFlag(cmd)
	return cmd
}

func (f *clusterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "type", "basic", "`TYPE`: basic, standard or dedicated")
	flags.IntVar(&f.cku, "cku", 0, "size of a dedicated cluster: `N` Confluent units for Kafka (default 1)")
	flags.IntVar(&f.maxECKU, "max-ecku", 0, "most elastic units (`N`) of a basic or standard cluster (default: the type's)")
	flags.StringVar(&f.cloud, "cloud", "aws", "`CLOUD`: aws, gcp, azure, or what the satellite serves")
	flags.StringVar(&f.region, "region", "us-east-1", "`REGION` of the cloud")
	flags.StringVar(&f.availability, "availability", "single-zone", "`ZONES`: single-zone, multi-zone, low or high")
	flags.BoolVar(&f.deletionProtection, "deletion-protection", false, "refuse to delete the cluster until this is off")
	flags.BoolVar(&f.wait, "wait", true, "wait until the cluster takes clients (the default)")
	flags.BoolVar(&f.noWait, "no-wait", false, "return at once; \"orrery kafka cluster describe\" shows how far it is")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "longest `DURATION` of the wait")
	setting(flags, "region", "cluster-region")
	setting(flags, "cloud", "cluster-cloud")
	setting(flags, "type", "cluster-type")
	setting(flags, "timeout", "wait-timeout")
}

// request makes the body of the creation.
func (f clusterFlags) request(name string) (wire.Cluster, error) {
	kind, err := oneWord("type", f.kind, orrery.TypeBasic, orrery.TypeStandard, orrery.TypeDedicated)
	if err != nil {
		return wire.Cluster{}, err
	}
	availability, err := availabilityWord(f.availability)
	if err != nil {
		return wire.Cluster{}, err
	}
	config := wire.ClusterConfig{Kind: kind, MaxECKU: f.maxECKU}
	switch {
	case kind == orrery.TypeDedicated && f.maxECKU != 0:
		return wire.Cluster{}, usageError("a dedicated cluster has --cku", "--max-ecku is for basic and standard clusters")
	case kind == orrery.TypeDedicated:
		config.CKU = max(f.cku, 1)
	case f.cku != 0:
		return wire.Cluster{}, usageError("add --type dedicated", "--cku is for dedicated clusters")
	}
	if f.cku < 0 || f.maxECKU < 0 || f.timeout <= 0 {
		return wire.Cluster{}, usageError("", "--cku, --max-ecku and --timeout must be positive")
	}
	return wire.Cluster{Spec: wire.ClusterSpec{
		DisplayName: name, Availability: availability, Cloud: upper(f.cloud), Region: f.region,
		Config: config, DeletionProtection: f.deletionProtection,
	}}, nil
}

// availabilityWord takes the API's words in any case, with "-" for "_".
func availabilityWord(typed string) (string, error) {
	words := map[string]string{
		"SINGLE_ZONE": orrery.AvailabilitySingleZone, "MULTI_ZONE": orrery.AvailabilityMultiZone,
		"LOW": orrery.AvailabilityLow, "HIGH": orrery.AvailabilityHigh,
	}
	if word, ok := words[upper(dashes(typed))]; ok {
		return word, nil
	}
	return "", usageError("choose one of single-zone, multi-zone, low, high", "--availability %q is not offered", typed)
}

func (p *program) createCluster(ctx context.Context, environment string, request wire.Cluster, f clusterFlags) error {
	api, err := p.api()
	if err != nil {
		return err
	}
	e, err := p.environment(ctx, api, environment)
	if err != nil {
		return err
	}
	request.Spec.Environment = &wire.Reference{ID: e.ID}
	c, err := api.CreateCluster(ctx, request)
	if err != nil {
		return err
	}
	if f.wait && !f.noWait {
		if c, err = p.awaitCluster(ctx, api, c, f.timeout); err != nil {
			return err
		}
	}
	if err := p.showCluster(c, nil); err != nil {
		return err
	}
	if p.global.output == outputHuman {
		p.note("\nNext: orrery api-key create --resource %s --save", c.ID)
	}
	return nil
}

// awaitCluster waits until a cluster takes clients, and shows why it does not yet.
func (p *program) awaitCluster(ctx context.Context, api *client.Client, c wire.Cluster, timeout time.Duration) (wire.Cluster, error) {
	show := p.progress()
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	name := named(c.ID, c.Spec.DisplayName)
	ready, err := api.WaitCluster(waiting, referenceID(c.Spec.Environment), c.ID, func(now wire.LogicalCluster) {
		if reason := now.Status.State.Reason; reason != "" && now.Status.Phase == wire.PhaseProvisioning {
			show.say("%s: %s", name, reason)
		}
	})
	show.end()
	hint := "it goes on by itself: orrery kafka cluster describe " + c.ID
	switch {
	case err == nil:
		return ready, nil
	case ctx.Err() != nil:
		return c, failed(hint, "interrupted while the cluster %s was being made", name).because(err)
	case waiting.Err() != nil:
		return c, failed(hint, "not ready after %s: %s", timeout, orrery.ErrorMessage(err)).because(err)
	}
	return c, err
}

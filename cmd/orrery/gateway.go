package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"

	"github.com/orrery-kafka/orrery/internal/dataplane"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

const gatewayLong = `Run the gateway beside one broker of Apache Kafka, until SIGTERM: the tenants' Kafka
endpoint with TLS, their Kafka REST, and the translation between a tenant's names and
those of the physical cluster that it shares. A satellite starts one for each broker;
by hand it is started to look into a problem.

FILE is JSON, as the satellite writes it; relative names in it are meant from its own
directory. It names the addresses, the certificates (replaced files are taken up
without a restart; where they cannot be used the former stay in force), how the
broker is reached, and the log: JSON lines, of bounded size, without any secret.

The administration socket serves /healthz, /readyz (200 once clients are served),
/metrics and /debug/gateway:

  curl --unix-socket admin.sock http://x/readyz

SIGTERM closes the addresses, gives the gateway's lease up, closes the connections
and ends with status 0 after some seconds. Another status means that it ended by
itself, and the last line on stderr says why; 2 is a configuration that is wrong.`

func (p *program) gatewayCommand() *cobra.Command {
	return roleCommand(&cobra.Command{
		Use: "gateway", Short: "Run one gateway, as a satellite does", Long: gatewayLong,
		Example: "orrery gateway --config gateway.json",
	}, process.GatewayFileName, func(ctx context.Context, path string) error {
		file, err := process.ReadGatewayFile(path)
		if err != nil {
			return err
		}
		return dataplane.RunGateway(ctx, file)
	})
}

const balancerLong = `Run the two load balancers before one physical cluster, until SIGTERM: its bootstrap
address and Kafka REST. Each new connection goes to a random gateway that says it takes
clients; its bytes are only copied, after a header of the PROXY protocol (version 2)
that tells the gateway where the client is. A satellite starts one for each cluster.

FILE is JSON, as the satellite writes it; relative names in it are meant from its own
directory. When it is replaced its gateways are taken up without a restart.

The administration socket serves /healthz, /readyz and /metrics. SIGTERM closes the
addresses and the connections and ends with status 0. Another status means that it
ended by itself, and the last line on stderr says why; 2 is a configuration that is
wrong.`

func (p *program) balancerCommand() *cobra.Command {
	return roleCommand(&cobra.Command{
		Use: "balancer", Short: "Run the balancers before one physical cluster, as a satellite does", Long: balancerLong,
		Example: "orrery balancer --config balancer.json",
	}, process.BalancerFileName, dataplane.RunBalancer)
}

// roleCommand completes the command of a role that is told everything by a file of its own, and nothing by the
// configuration of whoever started it.
func roleCommand(cmd *cobra.Command, fileName string, run func(ctx context.Context, path string) error) *cobra.Command {
	var config string
	cmd.Args = arguments()
	cmd.Annotations = map[string]string{annotationOwnFile: ""}
	cmd.Flags().StringVar(&config, "config", "", "`FILE` with everything, such as "+fileName+" (required)")
	setting(cmd.Flags(), "config", cmd.Name()+"-config")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if config == "" {
			return usageError("", "name the configuration with --config FILE")
		}
		path, err := filepath.Abs(config)
		if err != nil {
			return usageError("", "--config: %v", err)
		}
		if err := os.Chdir(filepath.Dir(path)); err != nil {
			return usageError("", "--config: %v", err)
		}
		return explainRole(run(cmd.Context(), filepath.Base(path)))
	}
	return cmd
}

// explainRole makes of a role's error one line on stderr, and of a wrong configuration a usage error.
func explainRole(err error) error {
	switch {
	case err == nil:
		return nil
	case orrery.ErrorCode(err) == orrery.Invalid:
		return usageError("", "%s", message(err)).because(err)
	}
	return failed("", "%v", err).because(err)
}

package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) apiKeyCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "api-key", Aliases: []string{"api-keys"}, Short: "Make keys for Kafka clients and for the API",
		Long: `An API key and its secret let a program log in: to one Kafka cluster (--resource
CLUSTER), or to the API and Kafka REST (--resource cloud). The secret is shown once,
when the key is created, and kept nowhere by the service.

A key may do what its owner may: you, or with --service-account a service account,
which may do nothing until a role binding says so.`,
		Example: "orrery api-key create --resource demo --save\norrery api-key list",
	},
		p.apiKeyCreateCommand(), p.apiKeyListCommand(), p.apiKeyDescribeCommand(), p.apiKeyUpdateCommand(), p.apiKeyDeleteCommand())
}

// showAPIKey writes a key. The secret is in it only right after its creation.
func (p *program) showAPIKey(k wire.APIKey) error {
	return p.show(k, func(w io.Writer) {
		details(w, []detail{
			{"API key", k.ID}, {"API secret", k.Spec.Secret}, {"Name", k.Spec.DisplayName}, {"Description", k.Spec.Description},
			{"Owner", referenceID(k.Spec.Owner)}, {"Resource", apiKeyResource(k)}, {"Created", timeText(k.Metadata.CreatedAt)},
		})
	})
}

func apiKeyResource(k wire.APIKey) string {
	if k.Spec.Resource.IsCloud() {
		return "cloud"
	}
	return k.Spec.Resource.ID
}

func referenceID(r *wire.Reference) string {
	if r == nil {
		return ""
	}
	return r.ID
}

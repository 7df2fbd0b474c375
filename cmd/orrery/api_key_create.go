package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

// apiKeyFlags are what a new key is to be.
type apiKeyFlags struct {
	environment, resource, serviceAccount, name, description string
	save                                                     bool
}

func (p *program) apiKeyCreateCommand() *cobra.Command {
	var f apiKeyFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Create an API key and show its secret, once", Args: arguments(),
		Long: `Create an API key and show its secret. The service keeps no secret: store it now, or
let --save keep it for this user (mode 0600), where "topic produce", "topic consume" and
"client-config" find it. With --save the secret is not shown.`,
		Example: `orrery api-key create --resource demo --save
orrery api-key create --resource lkc-x1y2z3 --service-account reports --description "nightly report"
orrery api-key create --resource cloud -o json`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.createAPIKey(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.resource, "resource", "", "what it opens: a Kafka `CLUSTER` (id or name), or cloud for the API")
	flags.StringVar(&f.environment, "environment", "", "`ENVIRONMENT` of the cluster: id or name (default: the first)")
	flags.StringVar(&f.serviceAccount, "service-account", "", "`OWNER`: id or name of a service account (default: you)")
	flags.StringVar(&f.name, "name", "", "display `NAME`")
	flags.StringVar(&f.description, "description", "", "`TEXT` that says what it is for")
	flags.BoolVar(&f.save, "save", false, "keep the secret of a cluster's key for this user's next commands")
	return cmd
}

func (p *program) createAPIKey(ctx context.Context, f apiKeyFlags) error {
	if f.resource == "" {
		return usageError("--resource CLUSTER for a Kafka cluster, --resource cloud for the API", "--resource is missing")
	}
	api, err := p.api()
	if err != nil {
		return err
	}
	request, err := p.apiKeyRequest(ctx, api, f)
	if err != nil {
		return err
	}
	clusterID := referenceID(request.Spec.Resource)
	if f.save {
		if _, err := p.savedKeyPath(clusterID); err != nil { // before a key is made whose secret cannot be kept
			return err
		}
	}
	key, err := api.CreateAPIKey(ctx, request)
	if err != nil {
		return err
	}
	if !f.save {
		if err := p.showAPIKey(key); err != nil {
			return err
		}
		p.note("The secret is shown this once: store it now.")
		return nil
	}
	path, err := p.saveKey(clusterID, savedKey{APIKey: key.ID, APISecret: key.Spec.Secret})
	if err != nil {
		p.note("The key could not be saved; here it is, this once:")
		return firstError(p.showAPIKey(key), err)
	}
	key.Spec.Secret = ""
	if err := p.showAPIKey(key); err != nil {
		return err
	}
	p.note("The secret is kept in %s, for this user only.", path)
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *program) apiKeyRequest(ctx context.Context, api *client.Client, f apiKeyFlags) (wire.APIKey, error) {
	var request wire.APIKey
	request.Spec.DisplayName, request.Spec.Description = f.name, f.description
	if f.serviceAccount != "" {
		account, err := serviceAccount(ctx, api, f.serviceAccount)
		if err != nil {
			return request, err
		}
		request.Spec.Owner = &wire.Reference{ID: account.ID, APIVersion: wire.IAMV2, Kind: wire.KindServiceAccount}
	}
	if strings.EqualFold(f.resource, wire.KindCloud) {
		return request, nil
	}
	c, err := p.cluster(ctx, api, f.environment, f.resource)
	if err != nil {
		return request, err
	}
	if !orrery.HasPrefix(c.ID, orrery.PrefixLogicalKafka) {
		return request, failed("", "the server names the cluster %q", c.ID)
	}
	request.Spec.Resource = &wire.Reference{ID: c.ID, Environment: referenceID(c.Spec.Environment), APIVersion: wire.CMKV2, Kind: wire.KindCluster}
	return request, nil
}

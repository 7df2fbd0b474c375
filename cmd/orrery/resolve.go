package main

import (
	"context"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

// A command takes the id or the display name of a thing, and for environments and clusters nothing where there
// is one to take. These functions find it.

// pick returns the one of list whose id or name is reference.
func pick[T any](list []T, kind, reference string, idAndName func(T) (id, name string)) (T, error) {
	var zero, found T
	matches := 0
	for _, candidate := range list {
		id, name := idAndName(candidate)
		if id == reference {
			return candidate, nil
		}
		if name == reference {
			found = candidate
			matches++
		}
	}
	switch matches {
	case 1:
		return found, nil
	case 0:
		return zero, failed(choices(list, idAndName), "there is no %s %q", kind, reference).withCode(orrery.NotFound)
	default:
		return zero, usageError(choices(list, idAndName), "%d %ss have the name %q: use an id", matches, kind, reference)
	}
}

const maxChoices = 10

// choices says what there is to choose from.
func choices[T any](list []T, idAndName func(T) (id, name string)) string {
	var lines []string
	for i, candidate := range list {
		if i == maxChoices {
			lines = append(lines, "…")
			break
		}
		id, name := idAndName(candidate)
		lines = append(lines, id+"  "+cellText(name))
	}
	if len(lines) == 0 {
		return "there is none yet"
	}
	return "choose one of\n  " + strings.Join(lines, "\n  ")
}

func environmentName(e wire.Environment) (id, name string) { return e.ID, e.DisplayName }

func clusterName(c wire.Cluster) (id, name string) { return c.ID, c.Spec.DisplayName }

func serviceAccountName(s wire.ServiceAccount) (id, name string) { return s.ID, s.DisplayName }

// environment finds an environment; reference "" is the first.
func (p *program) environment(ctx context.Context, api *client.Client, reference string) (wire.Environment, error) {
	if orrery.HasPrefix(reference, orrery.PrefixEnvironment) {
		return api.GetEnvironment(ctx, reference)
	}
	environments, err := collect(api.ListEnvironments(ctx))
	switch {
	case err != nil:
		return wire.Environment{}, err
	case reference != "":
		return pick(environments, "environment", reference, environmentName)
	case len(environments) == 0:
		return wire.Environment{}, failed("orrery environment create default", "there is no environment yet").withCode(orrery.NotFound)
	case len(environments) > 1:
		p.note("Using the environment %s (%s), the first of %d; --environment chooses another.", environments[0].ID, environments[0].DisplayName, len(environments))
	}
	return environments[0], nil
}

// cluster finds a Kafka cluster; reference "" is the only one of the environment. An id without an environment
// is looked up in all of them.
func (p *program) cluster(ctx context.Context, api *client.Client, environment, reference string) (wire.Cluster, error) {
	if environment == "" && orrery.HasPrefix(reference, orrery.PrefixLogicalKafka) {
		return clusterAnywhere(ctx, api, reference)
	}
	e, err := p.environment(ctx, api, environment)
	if err != nil {
		return wire.Cluster{}, err
	}
	if orrery.HasPrefix(reference, orrery.PrefixLogicalKafka) {
		return api.GetCluster(ctx, e.ID, reference)
	}
	clusters, err := collect(api.ListClusters(ctx, e.ID))
	switch {
	case err != nil:
		return wire.Cluster{}, err
	case reference != "":
		return pick(clusters, "Kafka cluster", reference, clusterName)
	case len(clusters) == 0:
		return wire.Cluster{}, failed("orrery kafka cluster create demo", "there is no Kafka cluster in the environment %s", e.ID).withCode(orrery.NotFound)
	case len(clusters) > 1:
		return wire.Cluster{}, usageError(choices(clusters, clusterName), "the environment %s has %d Kafka clusters: say which with --cluster", e.ID, len(clusters))
	}
	return clusters[0], nil
}

// clusterAnywhere finds a cluster whose environment is not given: the API asks for it.
func clusterAnywhere(ctx context.Context, api *client.Client, id string) (wire.Cluster, error) {
	logical, err := api.GetLogicalCluster(ctx, id)
	if err != nil {
		return wire.Cluster{}, err
	}
	return api.GetCluster(ctx, logical.Environment.ID, id)
}

// kafkaCluster finds a cluster for a command that needs nothing else of the API.
func (p *program) kafkaCluster(ctx context.Context, environment, reference string) (wire.Cluster, error) {
	api, err := p.api()
	if err != nil {
		return wire.Cluster{}, err
	}
	return p.cluster(ctx, api, environment, reference)
}

// serviceAccount finds a service account.
func serviceAccount(ctx context.Context, api *client.Client, reference string) (wire.ServiceAccount, error) {
	if orrery.HasPrefix(reference, orrery.PrefixServiceAccount) {
		return api.GetServiceAccount(ctx, reference)
	}
	accounts, err := collect(api.ListServiceAccounts(ctx, ""))
	if err != nil {
		return wire.ServiceAccount{}, err
	}
	return pick(accounts, "service account", reference, serviceAccountName)
}

func identityProviderName(i wire.IdentityProvider) (id, name string) { return i.ID, i.DisplayName }

func identityPoolName(i wire.IdentityPool) (id, name string) { return i.ID, i.DisplayName }

// identityProvider finds an identity provider; reference "" is the only one.
func identityProvider(ctx context.Context, api *client.Client, reference string) (wire.IdentityProvider, error) {
	if orrery.HasPrefix(reference, orrery.PrefixIdentityProvider) {
		return api.GetIdentityProvider(ctx, reference)
	}
	providers, err := collect(api.ListIdentityProviders(ctx))
	switch {
	case err != nil:
		return wire.IdentityProvider{}, err
	case reference != "":
		return pick(providers, "identity provider", reference, identityProviderName)
	case len(providers) == 0:
		return wire.IdentityProvider{}, failed("orrery identity-provider create --help", "there is no identity provider yet").withCode(orrery.NotFound)
	case len(providers) > 1:
		return wire.IdentityProvider{}, usageError(choices(providers, identityProviderName), "there are %d identity providers: say which with --provider", len(providers))
	}
	return providers[0], nil
}

// identityPool finds an identity pool of a provider.
func identityPool(ctx context.Context, api *client.Client, providerID, reference string) (wire.IdentityPool, error) {
	if orrery.HasPrefix(reference, orrery.PrefixIdentityPool) {
		return api.GetIdentityPool(ctx, providerID, reference)
	}
	pools, err := collect(api.ListIdentityPools(ctx, providerID))
	if err != nil {
		return wire.IdentityPool{}, err
	}
	return pick(pools, "identity pool", reference, identityPoolName)
}

func certificateAuthorityName(a wire.CertificateAuthority) (id, name string) {
	return a.ID, a.DisplayName
}

func certificatePoolName(i wire.CertificatePool) (id, name string) { return i.ID, i.DisplayName }

// certificateAuthority finds a certificate authority; reference "" is the only one.
func certificateAuthority(ctx context.Context, api *client.Client, reference string) (wire.CertificateAuthority, error) {
	if orrery.HasPrefix(reference, orrery.PrefixIdentityProvider) {
		return api.GetCertificateAuthority(ctx, reference)
	}
	authorities, err := collect(api.ListCertificateAuthorities(ctx))
	switch {
	case err != nil:
		return wire.CertificateAuthority{}, err
	case reference != "":
		return pick(authorities, "certificate authority", reference, certificateAuthorityName)
	case len(authorities) == 0:
		return wire.CertificateAuthority{}, failed("orrery certificate-authority create --help", "there is no certificate authority yet").withCode(orrery.NotFound)
	case len(authorities) > 1:
		return wire.CertificateAuthority{}, usageError(choices(authorities, certificateAuthorityName), "there are %d certificate authorities: say which with --authority", len(authorities))
	}
	return authorities[0], nil
}

// certificatePool finds an identity pool of a certificate authority.
func certificatePool(ctx context.Context, api *client.Client, authorityID, reference string) (wire.CertificatePool, error) {
	if orrery.HasPrefix(reference, orrery.PrefixIdentityPool) {
		return api.GetCertificatePool(ctx, authorityID, reference)
	}
	pools, err := collect(api.ListCertificatePools(ctx, authorityID))
	if err != nil {
		return wire.CertificatePool{}, err
	}
	return pick(pools, "certificate pool", reference, certificatePoolName)
}

package rest

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const apiKeysPath = "/iam/v2/api-keys"

func (s *server) apiKeyRoutes() []route {
	return []route{
		{"GET", apiKeysPath, "listApiKeys", "List API keys", paged(
			parameter{name: "spec.owner", meaning: "Only keys of this user or service account."},
			parameter{name: "spec.resource", meaning: "Only keys for this cluster, or, with \"cloud\", for the control plane's API."},
		), 200, with(s.listAPIKeys), false},
		{"POST", apiKeysPath, "createApiKey", "Create an API key; the answer holds its secret, and comes once the key logs in everywhere", nil, 202, with(s.createAPIKey), true},
		{"GET", apiKeysPath + "/{id}", "getApiKey", "Read an API key", nil, 200, with(s.getAPIKey), false},
		{"PATCH", apiKeysPath + "/{id}", "updateApiKey", "Change the name and description of an API key", nil, 200, with(s.updateAPIKey), false},
		{"DELETE", apiKeysPath + "/{id}", "deleteApiKey", "Delete an API key; the answer comes once it logs in nowhere", nil, 204, with(s.deleteAPIKey), false},
	}
}

func (s *server) listAPIKeys(c *call, _ none) (wire.List[wire.APIKey], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.APIKey]{}, err
	}
	filter := mothership.APIKeyFilter{OwnerID: c.query("spec.owner"), ResourceID: c.query("spec.resource")}
	rows, err := s.mothership.ListAPIKeys(c.ctx, c.actor, filter, page)
	return listing(c, wire.IAMV2, wire.KindAPIKey, rows, c.apiKey), err
}

func (s *server) createAPIKey(c *call, in wire.APIKey) (wire.APIKey, error) {
	input := mothership.APIKeyInput{DisplayName: in.Spec.DisplayName, Description: in.Spec.Description}
	if in.Spec.Owner.IsSet() {
		input.OwnerID = in.Spec.Owner.ID
	}
	resource, err := onlyResource(in.Spec)
	if err != nil {
		return wire.APIKey{}, err
	}
	if !resource.IsCloud() {
		input.ResourceID, input.EnvironmentID = resource.ID, wire.Filled(resource.Environment)
	}
	key, secret, err := s.mothership.CreateAPIKey(c.ctx, c.actor, input)
	if err != nil {
		return wire.APIKey{}, err
	}
	err = c.usable("API key "+key.ID, key.State, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.APIKeyState(ctx, key.ID)
	})
	out := c.apiKey(key)
	out.Spec.Secret = secret
	return out, err
}

func (s *server) getAPIKey(c *call, _ none) (wire.APIKey, error) {
	key, err := s.mothership.APIKey(c.ctx, c.actor, c.pathID())
	return c.apiKey(key), err
}

func (s *server) updateAPIKey(c *call, in wire.APIKeyUpdate) (wire.APIKey, error) {
	key, err := s.mothership.APIKey(c.ctx, c.actor, c.pathID())
	if err != nil {
		return wire.APIKey{}, err
	}
	resource, err := onlyResource(wire.APIKeySpec{Resource: in.Spec.Resource, Resources: in.Spec.Resources})
	switch {
	case err != nil:
		return wire.APIKey{}, err
	case in.Spec.Owner.IsSet() && in.Spec.Owner.ID != key.OwnerID:
		return wire.APIKey{}, orrery.InvalidField("/spec/owner", "the owner of an API key cannot be changed; it is %s", key.OwnerID)
	case resource.IsSet() && resource.ID != key.LogicalClusterID && !(resource.IsCloud() && key.ResourceKind == orrery.APIKeyCloud):
		return wire.APIKey{}, orrery.InvalidField("/spec/resource", "the resource of an API key cannot be changed; create another key")
	}
	change := mothership.APIKeyChange{DisplayName: in.Spec.DisplayName, Description: in.Spec.Description}
	key, err = s.mothership.UpdateAPIKey(c.ctx, c.actor, c.pathID(), change)
	return c.apiKey(key), err
}

func (s *server) deleteAPIKey(c *call, _ none) (none, error) {
	id := c.pathID()
	state, err := s.mothership.DeleteAPIKey(c.ctx, c.actor, id)
	if err != nil {
		return none{}, err
	}
	return none{}, c.removed("API key "+id, state, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.APIKeyState(ctx, id)
	})
}

// onlyResource returns what a key is for, from either of the two fields that say it; nil where neither does.
func onlyResource(spec wire.APIKeySpec) (*wire.Reference, error) {
	resource := spec.Resource
	for i := range spec.Resources {
		other := &spec.Resources[i]
		switch {
		case !other.IsSet():
		case !resource.IsSet():
			resource = other
		case resource.ID != other.ID:
			return nil, unsupported("/spec/resources", "an API key is for one resource here; create a key for each")
		}
	}
	return resource, nil
}

func (c *call) apiKey(k orrery.APIKey) wire.APIKey {
	resource := wire.Reference{ID: "cloud", APIVersion: wire.IAMV2, Kind: wire.KindCloud, ResourceName: orrery.OrganizationCRN(k.OrganizationID).String()}
	if k.ResourceKind == orrery.APIKeyCluster {
		resource = wire.Reference{
			ID: k.LogicalClusterID, Environment: k.EnvironmentID, Related: c.url(clustersPath + "/" + k.LogicalClusterID),
			ResourceName: orrery.CloudClusterCRN(k.OrganizationID, k.EnvironmentID, k.LogicalClusterID).String(),
			APIVersion:   wire.CMKV2, Kind: wire.KindCluster,
		}
	}
	return wire.APIKey{
		APIVersion: wire.IAMV2, Kind: wire.KindAPIKey, ID: k.ID,
		Metadata: c.metadata(apiKeysPath, k.ID, k.CRN(), k.CreatedAt, k.UpdatedAt),
		Spec: wire.APIKeySpec{
			DisplayName: k.DisplayName, Description: k.Description,
			Owner: c.principalReference(k.OrganizationID, k.OwnerID), Resource: &resource, Resources: []wire.Reference{resource},
		},
	}
}

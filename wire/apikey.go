package wire

import "strings"

// Kinds of an APIKey and of what one is for; a key of a cluster says KindCluster.
const (
	KindAPIKey = "ApiKey"
	KindCloud  = "Cloud"
)

// APIKey is iam/v2 ApiKey. Its id is what logs in, together with the secret.
type APIKey struct {
	APIVersion string     `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind       string     `json:"kind,omitempty" enum:"ApiKey" access:"read-only"`
	ID         string     `json:"id,omitempty" access:"read-only"`
	Metadata   Metadata   `json:"metadata,omitzero" access:"read-only"`
	Spec       APIKeySpec `json:"spec"`
}

// APIKeySpec is what a key is for and whose it is.
type APIKeySpec struct {
	// Secret is in the answer to the creation, and never again.
	Secret      string `json:"secret,omitempty" access:"read-only"`
	DisplayName string `json:"display_name"`
	Description string `json:"description"`
	// Owner is a user or a service account, whose roles the key has. Absent in a creation: the caller.
	Owner *Reference `json:"owner,omitempty"`
	// Resource is the cluster that the key opens. Absent in a creation: the control plane's API.
	Resource *Reference `json:"resource,omitempty"`
	// Resources is Resource as a list; a creation names one at most.
	Resources []Reference `json:"resources,omitempty"`
}

// IsCloud reports whether r, of an APIKey, names the control plane's API and not a cluster.
func (r *Reference) IsCloud() bool {
	return !r.IsSet() || strings.EqualFold(r.ID, KindCloud)
}

// APIKeyUpdate is the PATCH body of an APIKey.
type APIKeyUpdate struct {
	APIVersion string           `json:"api_version,omitempty" access:"read-only"`
	Kind       string           `json:"kind,omitempty" access:"read-only"`
	ID         string           `json:"id,omitempty" access:"read-only"`
	Metadata   *Metadata        `json:"metadata,omitempty" access:"read-only"`
	Spec       APIKeySpecUpdate `json:"spec"`
}

// APIKeySpecUpdate is what may be changed about an APIKey. Owner and Resource never change and may be sent again.
type APIKeySpecUpdate struct {
	DisplayName *string     `json:"display_name,omitempty"`
	Description *string     `json:"description,omitempty"`
	Owner       *Reference  `json:"owner,omitempty"`
	Resource    *Reference  `json:"resource,omitempty"`
	Resources   []Reference `json:"resources,omitempty"`
	Secret      string      `json:"secret,omitempty" access:"read-only"`
}

package wire

// KindEnvironment is the kind of an Environment.
const KindEnvironment = "Environment"

// Environment is org/v2 Environment: a group of clusters.
type Environment struct {
	APIVersion  string   `json:"api_version,omitempty" enum:"org/v2" access:"read-only"`
	Kind        string   `json:"kind,omitempty" enum:"Environment" access:"read-only"`
	ID          string   `json:"id,omitempty" access:"read-only"`
	Metadata    Metadata `json:"metadata,omitzero" access:"read-only"`
	DisplayName string   `json:"display_name"`
	// StreamGovernanceConfig is stored and returned; it takes effect once there is a schema registry.
	StreamGovernanceConfig *StreamGovernanceConfig `json:"stream_governance_config,omitempty"`
}

// StreamGovernanceConfig is the schema registry package of an environment.
type StreamGovernanceConfig struct {
	Package string `json:"package" enum:"ESSENTIALS,ADVANCED"`
}

// EnvironmentUpdate is the PATCH body of an Environment.
type EnvironmentUpdate struct {
	APIVersion             string                  `json:"api_version,omitempty" access:"read-only"`
	Kind                   string                  `json:"kind,omitempty" access:"read-only"`
	ID                     string                  `json:"id,omitempty" access:"read-only"`
	Metadata               *Metadata               `json:"metadata,omitempty" access:"read-only"`
	DisplayName            *string                 `json:"display_name,omitempty"`
	StreamGovernanceConfig *StreamGovernanceConfig `json:"stream_governance_config,omitempty"`
}

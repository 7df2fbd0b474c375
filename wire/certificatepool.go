package wire

// KindCertificatePool is the kind of a CertificatePool.
const KindCertificatePool = "CertificateIdentityPool"

// CertificatePool is iam/v2 CertificateIdentityPool: a group of client certificates of one certificate authority, and a
// principal for them, pool-…. LogicalCluster is ours.
type CertificatePool struct {
	APIVersion  string   `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind        string   `json:"kind,omitempty" enum:"CertificateIdentityPool" access:"read-only"`
	ID          string   `json:"id,omitempty" access:"read-only"`
	Metadata    Metadata `json:"metadata,omitzero" access:"read-only"`
	DisplayName string   `json:"display_name"`
	Description string   `json:"description"`
	// ExternalIdentifier is the part of a certificate that says who somebody is, such as CN: for logs.
	ExternalIdentifier string `json:"external_identifier"`
	// Filter is a CEL expression over parts of a certificate that one must fulfil.
	Filter string `json:"filter"`
	// LogicalCluster is the Kafka cluster to which the certificates lead; "" is the only one that the organization has
	// where the client connects.
	LogicalCluster string `json:"logical_cluster"`
	// Principal is the id that role bindings name, as User:pool-….
	Principal string `json:"principal,omitempty" access:"read-only"`
	State     string `json:"state,omitempty" enum:"ENABLED" access:"read-only"`
}

// CertificatePoolUpdate is the PUT body of a CertificatePool; it changes what is there.
type CertificatePoolUpdate struct {
	APIVersion         string    `json:"api_version,omitempty" access:"read-only"`
	Kind               string    `json:"kind,omitempty" access:"read-only"`
	ID                 string    `json:"id,omitempty" access:"read-only"`
	Metadata           *Metadata `json:"metadata,omitempty" access:"read-only"`
	Principal          string    `json:"principal,omitempty" access:"read-only"`
	State              string    `json:"state,omitempty" access:"read-only"`
	DisplayName        *string   `json:"display_name,omitempty"`
	Description        *string   `json:"description,omitempty"`
	ExternalIdentifier *string   `json:"external_identifier,omitempty"`
	Filter             *string   `json:"filter,omitempty"`
	LogicalCluster     *string   `json:"logical_cluster,omitempty"`
}

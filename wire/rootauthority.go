package wire

import "time"

// KindRootAuthority is the kind of a RootAuthority.
const KindRootAuthority = "RootAuthority"

// RootAuthority is the service's own certificate authority, which signs what clusters and the API present.
type RootAuthority struct {
	APIVersion string   `json:"api_version,omitempty" enum:"orrery/v1" access:"read-only"`
	Kind       string   `json:"kind,omitempty" enum:"RootAuthority" access:"read-only"`
	Metadata   Metadata `json:"metadata,omitzero" access:"read-only"`
	// Phase says how far its replacement is, and NextStep what can be done.
	Phase    string `json:"phase" enum:"STEADY,TRUSTING,ISSUING" access:"read-only"`
	NextStep string `json:"next_step" enum:"TRUST,ISSUE,DROP" access:"read-only"`
	// Certificates are the roots in the CA file, the one that signs first.
	Certificates []RootCertificate `json:"certificates" access:"read-only"`
	// CAFile is what clients are to trust, in PEM.
	CAFile string `json:"ca_file" access:"read-only"`
}

// RootCertificate describes a root certificate; the fingerprint is SHA-1, in hexadecimal digits.
type RootCertificate struct {
	Subject      string    `json:"subject"`
	Fingerprint  string    `json:"fingerprint"`
	SerialNumber string    `json:"serial_number"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// RootAuthorityUpdate is the PATCH body of a RootAuthority: the step to make.
type RootAuthorityUpdate struct {
	// Step is TRUST, ISSUE or DROP.
	Step string `json:"step"`
}

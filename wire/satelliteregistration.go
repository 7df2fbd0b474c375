package wire

import "github.com/orrery-kafka/orrery"

// KindSatelliteRegistration is the kind of a SatelliteRegistration.
const KindSatelliteRegistration = "SatelliteRegistration"

// SatelliteRegistration is orrery/v1 SatelliteRegistration: how a satellite that is a process of its own is admitted. Who
// registers again with the same identity key gets the same id.
type SatelliteRegistration struct {
	APIVersion string `json:"api_version,omitempty" enum:"orrery/v1" access:"read-only"`
	Kind       string `json:"kind,omitempty" enum:"SatelliteRegistration" access:"read-only"`
	// ID is the satellite's, sat-….
	ID       string        `json:"id,omitempty" access:"read-only"`
	Metadata Metadata      `json:"metadata,omitzero" access:"read-only"`
	Spec     SatelliteSpec `json:"spec"`
	// IdentityRequest and AuthorityRequest are certificate requests (PKCS #10, PEM) of two ECDSA P-256 keys: the one with
	// which the satellite comes to the link, and the one that signs its clusters' certificates.
	IdentityRequest  string `json:"identity_request"`
	AuthorityRequest string `json:"authority_request"`
	// DNSNames and IPAddresses are what its clusters' certificates can be for, besides localhost.
	DNSNames    []string                    `json:"dns_names,omitempty"`
	IPAddresses []string                    `json:"ip_addresses,omitempty"`
	Status      SatelliteRegistrationStatus `json:"status,omitzero" access:"read-only"`
}

// SatelliteRegistrationStatus is what a satellite that registered needs.
type SatelliteRegistrationStatus struct {
	// Link is where the link is reached, HOST:PORT.
	Link         []string                     `json:"link"`
	Certificates orrery.SatelliteCertificates `json:"certificates"`
}

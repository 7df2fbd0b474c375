package orrery

import (
	"encoding/json"
	"time"
)

// Kinds of desired record, the first half of a record's key on the link.
const (
	DesiredPSC                  = "psc"                   // id pkc-…; content PSCSpec
	DesiredTenant               = "tenant"                // id lkc-…; content tenancy.Tenant
	DesiredCredential           = "credential"            // id pkc-…/KEY; content tenancy.Credential
	DesiredBinding              = "binding"               // id pkc-…/rb-…; content tenancy.Binding
	DesiredSaltKey              = "salt-key"              // id pkc-…; content tenancy.SaltKey
	DesiredIdentityProvider     = "identity-provider"     // id pkc-…/op-…; content tenancy.IdentityProvider
	DesiredIdentityPool         = "identity-pool"         // id pkc-…/pool-…; content tenancy.IdentityPool
	DesiredCertificateAuthority = "certificate-authority" // id pkc-…/op-…; content tenancy.CertificateAuthority
	DesiredCertificates         = "certificates"          // id sat-…; content SatelliteCertificates
	ReportSatellite             = "satellite"             // status only: id sat-…; content Satellite
	ReportLease                 = "lease"                 // status only: id sat-…; content Lease
)

// Desired is the mothership's outbox: one record of desired state for one satellite, with what was published of
// it and what was acknowledged. Composing writes it, publishing sends it, collecting acknowledges it.
type Desired struct {
	SatelliteID string     `json:"satellite_id"`
	Kind        string     `json:"kind"`
	ID          string     `json:"id"`
	Generation  Generation `json:"generation"`
	// Content is canonical JSON; a deletion keeps the last content.
	Content json.RawMessage `json:"content"`
	Deleted bool            `json:"deleted,omitempty"`
	// Published is the generation that was last sent.
	Published Generation `json:"published"`
	// Observed is the generation of the last status.
	Observed Generation `json:"observed"`
	// Applied is true once the observed generation is in force: a PSC is Ready, a tenant, credential or binding
	// is applied by every live gateway (or, deleted, honoured by none).
	Applied bool `json:"applied,omitempty"`
	// Gone is true once nothing is left of a deleted record; then the tombstone is sent and the row removed.
	Gone bool `json:"gone,omitempty"`
	// Reason is why it is not applied yet, from the satellite.
	Reason string `json:"reason,omitempty"`
	// KeySet is what was last reported of an identity provider's keys.
	KeySet *KeySetStatus `json:"key_set,omitempty"`
	// Usage is what was last reported of a tenant's use.
	Usage     *UsageReport `json:"usage,omitempty"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// Key returns KIND/ID, the record's key on the link and in the store.
func (d Desired) Key() string { return d.Kind + "/" + d.ID }

// InForce reports whether the current generation was published, observed and applied.
func (d Desired) InForce() bool {
	return d.Applied && d.Observed.Compare(d.Generation) >= 0
}

// Status is what a satellite reports about one desired record of any kind.
type Status struct {
	// Generation is the one that the report is about.
	Generation Generation `json:"generation"`
	Applied    bool       `json:"applied"`
	Gone       bool       `json:"gone,omitempty"`
	// Reason is why it is not applied: the same string as in the API, the CLI and the log.
	Reason string `json:"reason,omitempty"`
	// PSC is set for DesiredPSC.
	PSC *PSCStatus `json:"psc,omitempty"`
	// KeySet is set for DesiredIdentityProvider, once something is known.
	KeySet *KeySetStatus `json:"key_set,omitempty"`
	// Usage is set for DesiredTenant, once something was used or stored.
	Usage *UsageReport `json:"usage,omitempty"`
	// Local is the spec of a physical cluster that comes from the satellite's own configuration and not from the
	// mothership, which shows it and leaves it alone: the control plane's own Kafka.
	Local *PSCSpec `json:"local,omitempty"`
}

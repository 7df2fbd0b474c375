package orrery

import "time"

// Satellite runs physical clusters in one Kubernetes cluster or on one host; sat-xxxxxx. One that is a process of its
// own registers over the API and then reports over the link; the mothership's own reports only.
type Satellite struct {
	ID    string `json:"id"`
	Cloud string `json:"cloud"` // "*" serves any cloud name
	// Region is "*" where the satellite serves any region name.
	Region string `json:"region"`
	// Labels are what placement and people tell satellites apart by; see the Label constants.
	Labels    map[string]string `json:"labels,omitempty"`
	Engine    string            `json:"engine"`    // EngineEmbedded or EngineApache
	Substrate string            `json:"substrate"` // inproc, process, kube
	Version   string            `json:"version"`   // of the orrery program
	Capacity  Capacity          `json:"capacity"`
	// Conditions are the mothership's, from leases, certificates, capacity and the health of what runs there.
	Conditions []Condition `json:"conditions,omitempty"`
	// Registration is nil where the satellite runs in the mothership's own process.
	Registration *Registration `json:"registration,omitempty"`
	// ReportedAt is when its last report was made, by its own clock; zero where there was none yet.
	ReportedAt time.Time `json:"reported_at"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Serves reports whether the satellite runs clusters of a cloud and region.
func (s Satellite) Serves(cloud, region string) bool {
	return (s.Cloud == "*" || s.Cloud == cloud) && (s.Region == "*" || s.Region == region)
}

// Labels of a satellite that mean something to placement. Others are for people.
const (
	// LabelOrganization and LabelEnvironment keep a satellite for the clusters of one organization or environment,
	// which then go nowhere else in that cloud and region.
	LabelOrganization = "organization"
	LabelEnvironment  = "environment"
	// LabelZone is the availability zone that the satellite is in.
	LabelZone = "zone"
)

// ControlOnly is the cloud and the region of a satellite that runs nothing but the control plane's own Kafka. Names of
// clouds are in capital letters, so no cluster ever asks for it.
const ControlOnly = "control"

// Condition types of a satellite, next to ConditionReady and ConditionCertificatesValid.
const (
	ConditionLeaseCurrent      = "LeaseCurrent"      // it was heard of lately
	ConditionClustersReady     = "ClustersReady"     // every physical cluster on it is Ready
	ConditionCapacityAvailable = "CapacityAvailable" // there is room for another physical cluster
)

// Lease is what a satellite says again and again so that the mothership counts on it. Losing it stops nothing on the
// satellite, and new clusters go elsewhere.
type Lease struct {
	RenewedAt time.Time `json:"renewed_at"` // by the satellite's clock
	// Seconds is how long it lasts from when it is heard of.
	Seconds int `json:"seconds"`
}

// DefaultLease is how long a satellite's lease lasts where nothing else is said. It is renewed each quarter of that.
const DefaultLease = 40 * time.Second

// Registration is how a satellite that is a process of its own was admitted. It holds nothing secret.
type Registration struct {
	// IdentityRequest and AuthorityRequest are certificate requests (PKCS #10, PEM) of the two keys that the satellite
	// has made and keeps: the one with which it comes to the link, and the one that signs its clusters' certificates.
	IdentityRequest  string `json:"identity_request"`
	AuthorityRequest string `json:"authority_request"`
	// DNSNames and IPAddresses are all that its authority may sign certificates for.
	DNSNames    []string `json:"dns_names,omitempty"`
	IPAddresses []string `json:"ip_addresses,omitempty"`
	// Certificates are the newest ones; zero until the first were signed.
	Certificates SatelliteCertificates `json:"certificates"`
}

// SatelliteCertificates is what the mothership signs for a satellite, in PEM.
type SatelliteCertificates struct {
	// Identity is the client certificate for the link, and Authority the chain of the satellite's own certificate
	// authority, which is what its servers send after their leaf.
	Identity  string `json:"identity"`
	Authority string `json:"authority"`
	// CAFile is what clients, and the satellite itself, are to trust.
	CAFile           string    `json:"ca_file"`
	IssuedAt         time.Time `json:"issued_at"`
	IdentityExpires  time.Time `json:"identity_expires"`
	AuthorityExpires time.Time `json:"authority_expires"`
	// Signer names what signed them: where it changes, all is signed anew.
	Signer string `json:"signer"`
}

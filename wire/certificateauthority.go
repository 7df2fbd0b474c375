package wire

import "time"

// KindCertificateAuthority is the kind of a CertificateAuthority.
const KindCertificateAuthority = "CertificateAuthority"

// CertificateAuthority is iam/v2 CertificateAuthority: a certificate authority whose client certificates log in, op-….
// The lists are in the order of the chain. Subjects is ours.
type CertificateAuthority struct {
	APIVersion  string   `json:"api_version,omitempty" enum:"iam/v2" access:"read-only"`
	Kind        string   `json:"kind,omitempty" enum:"CertificateAuthority" access:"read-only"`
	ID          string   `json:"id,omitempty" access:"read-only"`
	Metadata    Metadata `json:"metadata,omitzero" access:"read-only"`
	DisplayName string   `json:"display_name"`
	Description string   `json:"description"`
	// Fingerprints are SHA-1, in hexadecimal digits.
	Fingerprints    []string    `json:"fingerprints" access:"read-only"`
	ExpirationDates []time.Time `json:"expiration_dates" access:"read-only"`
	SerialNumbers   []string    `json:"serial_numbers" access:"read-only"`
	Subjects        []string    `json:"subjects" access:"read-only"`
	// CertificateChainFilename is where the chain came from, for people.
	CertificateChainFilename string `json:"certificate_chain_filename"`
	// CRLSource says whether there are revocation lists: LOCAL for those that were uploaded.
	CRLSource string `json:"crl_source,omitempty" enum:"LOCAL" access:"read-only"`
	State     string `json:"state,omitempty" enum:"ENABLED" access:"read-only"`
}

// CertificateAuthorityInput is the POST and PUT body of a CertificateAuthority; a PUT changes what is there.
type CertificateAuthorityInput struct {
	APIVersion      string      `json:"api_version,omitempty" access:"read-only"`
	Kind            string      `json:"kind,omitempty" access:"read-only"`
	ID              string      `json:"id,omitempty" access:"read-only"`
	Metadata        *Metadata   `json:"metadata,omitempty" access:"read-only"`
	Fingerprints    []string    `json:"fingerprints,omitempty" access:"read-only"`
	ExpirationDates []time.Time `json:"expiration_dates,omitempty" access:"read-only"`
	SerialNumbers   []string    `json:"serial_numbers,omitempty" access:"read-only"`
	Subjects        []string    `json:"subjects,omitempty" access:"read-only"`
	CRLSource       string      `json:"crl_source,omitempty" access:"read-only"`
	State           string      `json:"state,omitempty" access:"read-only"`
	DisplayName     *string     `json:"display_name,omitempty"`
	Description     *string     `json:"description,omitempty"`
	// CertificateChain has every certificate that signs those of clients, in PEM, and CRLChain their revocation lists.
	CertificateChain         *string `json:"certificate_chain,omitempty"`
	CertificateChainFilename *string `json:"certificate_chain_filename,omitempty"`
	CRLChain                 *string `json:"crl_chain,omitempty"`
}

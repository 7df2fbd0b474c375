package orrery

import "time"

// CertificateAuthority is a certificate authority of an organization's own, whose client certificates log in to the
// organization's clusters (mutual TLS), as its identity pools say; op-xxxxxx. It counts once Usable, as an
// IdentityProvider does.
type CertificateAuthority struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	DisplayName    string `json:"display_name"`
	Description    string `json:"description,omitempty"`
	// CertificateChain has every certificate that signs those of clients, and RevocationLists what they have revoked,
	// both PEM. Filename is where the chain came from, for people.
	CertificateChain string `json:"certificate_chain"`
	RevocationLists  string `json:"revocation_lists,omitempty"`
	Filename         string `json:"filename,omitempty"`
	// Certificates describes the chain, and Keys are hashes of its public keys: each is of one organization only.
	Certificates []AuthorityCertificate `json:"certificates"`
	Keys         []string               `json:"keys"`
	State        Lifecycle              `json:"state"`
	CreatedAt    time.Time              `json:"created_at"`
	UpdatedAt    time.Time              `json:"updated_at"`
}

// AuthorityCertificate describes one certificate of a CertificateAuthority.
type AuthorityCertificate struct {
	Subject string `json:"subject"`
	// Fingerprint is the SHA-1 of the certificate, SerialNumber its number, both in hexadecimal digits.
	Fingerprint  string    `json:"fingerprint"`
	SerialNumber string    `json:"serial_number"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// CRN names the certificate authority, which is an identity provider among others.
func (a CertificateAuthority) CRN() CRN {
	return OrganizationCRN(a.OrganizationID).With(CRNIdentityProvider, a.ID)
}

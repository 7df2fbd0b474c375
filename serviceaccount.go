package orrery

import "time"

// ServiceAccount is a principal for a program; sa-xxxxxx. It may do nothing until a role binding or an ACL says
// so. Its display name is unique within the organization.
type ServiceAccount struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	DisplayName    string `json:"display_name"`
	Description    string `json:"description,omitempty"`
	// State is PhaseUsable, or PhaseDeleting until none of its API keys and role bindings counts any more.
	State     Lifecycle `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// CRN names the service account.
func (s ServiceAccount) CRN() CRN {
	return OrganizationCRN(s.OrganizationID).With(CRNServiceAccount, s.ID)
}

// User is a person; u-xxxxxx.
type User struct {
	ID             string    `json:"id"`
	OrganizationID string    `json:"organization_id"`
	Email          string    `json:"email"`
	FullName       string    `json:"full_name"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// CRN names the user.
func (u User) CRN() CRN { return OrganizationCRN(u.OrganizationID).With(CRNUser, u.ID) }

// Principal returns the Kafka principal of a user or service account id: "User:sa-xxxxxx".
func Principal(ownerID string) string { return "User:" + ownerID }

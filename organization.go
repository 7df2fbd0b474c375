package orrery

import "time"

// Organization owns everything else. Its id is a UUID.
type Organization struct {
	ID          string    `json:"id"`
	DisplayName string    `json:"display_name"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// CRN names the organization.
func (o Organization) CRN() CRN { return OrganizationCRN(o.ID) }

package orrery

import (
	"time"
	"unicode/utf8"
)

// Environment groups the logical clusters of an organization; env-xxxxxx.
type Environment struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	DisplayName    string `json:"display_name"`
	// StreamGovernancePackage is ESSENTIALS or ADVANCED; stored and returned, without effect until there is a
	// schema registry.
	StreamGovernancePackage string    `json:"stream_governance_package,omitempty"`
	CreatedAt               time.Time `json:"created_at"`
	UpdatedAt               time.Time `json:"updated_at"`
}

// CRN names the environment.
func (e Environment) CRN() CRN { return EnvironmentCRN(e.OrganizationID, e.ID) }

// MaxDisplayNameLength bounds every display name, in characters.
const MaxDisplayNameLength = 64

// CheckDisplayName returns an Invalid error about pointer where name is empty, too long, not UTF-8 or holds
// control characters.
func CheckDisplayName(pointer, name string) error {
	switch {
	case name == "":
		return InvalidField(pointer, "a display name is required")
	case !utf8.ValidString(name):
		return InvalidField(pointer, "the display name is not valid UTF-8")
	case utf8.RuneCountInString(name) > MaxDisplayNameLength:
		return InvalidField(pointer, "the display name has %d characters; at most %d are allowed", utf8.RuneCountInString(name), MaxDisplayNameLength)
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f {
			return InvalidField(pointer, "the display name holds a control character")
		}
	}
	return nil
}

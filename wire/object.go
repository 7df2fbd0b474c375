package wire

import "time"

// The API groups and their versions.
const (
	OrgV2    = "org/v2"
	CMKV2    = "cmk/v2"
	IAMV2    = "iam/v2"
	OrreryV1 = "orrery/v1"
)

// Metadata is what every object has beside its own fields. All of it is read-only.
type Metadata struct {
	// Self is the URL of the object.
	Self string `json:"self" access:"read-only"`
	// ResourceName is the CRN of the object. Clients take the organization's id out of an environment's.
	ResourceName string    `json:"resource_name,omitempty" access:"read-only"`
	CreatedAt    time.Time `json:"created_at,omitzero" access:"read-only"`
	UpdatedAt    time.Time `json:"updated_at,omitzero" access:"read-only"`
	DeletedAt    time.Time `json:"deleted_at,omitzero" access:"read-only"`
}

// ListMetadata holds the links of a page. Next is absent on the last page, never null: clients follow it, or
// take its page_token, for as long as it is there.
type ListMetadata struct {
	First string `json:"first,omitempty"`
	Last  string `json:"last,omitempty"`
	Prev  string `json:"prev,omitempty"`
	Next  string `json:"next,omitempty"`
	// TotalSize is how many objects all pages have together; nil where the server did not count.
	TotalSize *int `json:"total_size,omitempty"`
}

// List is one page of a listing.
type List[T any] struct {
	APIVersion string       `json:"api_version"`
	Kind       string       `json:"kind"`
	Metadata   ListMetadata `json:"metadata"`
	Data       []T          `json:"data"`
}

// Reference names another object. Clients fill what they do not know with "", "_" or "-"; see IsSet.
type Reference struct {
	ID string `json:"id"`
	// Environment is the id of the environment that scopes the object, where there is one.
	Environment  string `json:"environment,omitempty"`
	Related      string `json:"related"`
	ResourceName string `json:"resource_name"`
	APIVersion   string `json:"api_version,omitempty"`
	Kind         string `json:"kind,omitempty"`
}

// IsSet reports whether r names an object, and not a client's filler for none.
func (r *Reference) IsSet() bool { return r != nil && Filled(r.ID) != "" }

// Filled returns s, and "" where s is one of the fillers "_" and "-" that clients send for nothing.
func Filled(s string) string {
	if s == "_" || s == "-" {
		return ""
	}
	return s
}

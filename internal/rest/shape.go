package rest

import (
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

// metadata makes the metadata of an object from the path below which it is, and its name.
func (c *call) metadata(path, id string, name orrery.CRN, created, updated time.Time) wire.Metadata {
	return wire.Metadata{
		Self: c.url(path + "/" + id), ResourceName: crnText(name),
		CreatedAt: created.UTC(), UpdatedAt: updated.UTC(),
	}
}

func crnText(name orrery.CRN) string {
	if len(name.Elements) == 0 {
		return ""
	}
	return name.String()
}

// environmentReference names an environment.
func (c *call) environmentReference(organizationID, id string) wire.Reference {
	return wire.Reference{
		ID: id, Related: c.url(environmentsPath + "/" + id), ResourceName: orrery.EnvironmentCRN(organizationID, id).String(),
		APIVersion: wire.OrgV2, Kind: wire.KindEnvironment,
	}
}

// principalReference names a user or a service account.
func (c *call) principalReference(organizationID, id string) *wire.Reference {
	path, kind, element := usersPath, wire.KindUser, orrery.CRNUser
	if orrery.HasPrefix(id, orrery.PrefixServiceAccount) {
		path, kind, element = serviceAccountsPath, wire.KindServiceAccount, orrery.CRNServiceAccount
	}
	return &wire.Reference{
		ID: id, Related: c.url(path + "/" + id), ResourceName: orrery.OrganizationCRN(organizationID).With(element, id).String(),
		APIVersion: wire.IAMV2, Kind: kind,
	}
}

// orreryReference names an object of orrery/v1; nil where id is "".
func (c *call) orreryReference(path, kind, id string) *wire.Reference {
	if id == "" {
		return nil
	}
	return &wire.Reference{ID: id, Related: c.url(path + "/" + id), APIVersion: wire.OrreryV1, Kind: kind}
}

// unsupported is the error about a field that the public API has and this service does not offer, where to
// ignore it would mislead.
func unsupported(pointer, format string, args ...any) error {
	err := orrery.Errorf(orrery.UnsupportedValue, format, args...)
	err.Pointer = pointer
	return err
}

// orEmpty makes an absent list an empty one, so that it is [] in JSON and never null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

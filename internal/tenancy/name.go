package tenancy

import (
	"strings"

	"github.com/orrery-kafka/orrery"
)

const (
	// separator ends a prefix. It is in no id, so no tenant's prefix begins with another's; and it is not ".", so
	// Kafka's check for names that differ only in "." and "_" finds collisions inside a tenant only.
	separator = "_"
	// maxTopicName is Kafka's limit (Topic.MAX_NAME_LENGTH), in bytes, of a physical name.
	maxTopicName = 249
	// maxString is the longest string that every version of the protocol can carry, in bytes. A longer one would
	// wrap around the 16-bit length before it and let the rest of the name be read as fields of the request.
	maxString = 1<<15 - 1
	// maxID bounds group and transactional ids, in bytes. Kafka has no limit of its own, and nobody needs more.
	maxID = 1024
)

// Prefix stands before every name of a tenant on its physical cluster: topics, groups, transactional ids. It is
// the logical cluster's id and "_". No name is special inside a tenant: its __consumer_offsets or _orrery_tenants
// is lkc-…___consumer_offsets, a topic like any other, except that clients are told what Kafka calls internal.
type Prefix string

// PrefixOf returns the prefix of a logical cluster.
func PrefixOf(logicalClusterID string) Prefix { return Prefix(logicalClusterID + separator) }

// Physical returns the name that the broker knows. A name that is too long for the protocol is cut, so that it
// stays one string of the tenant's; CheckTopic, CheckGroup and CheckTransactionalID refuse it with a text.
func (p Prefix) Physical(name string) string {
	if limit := maxString - len(p); len(name) > limit {
		name = name[:limit]
	}
	return string(p) + name
}

// Logical returns the name that the tenant knows, and false where the name is not the tenant's.
func (p Prefix) Logical(physical string) (string, bool) {
	return strings.CutPrefix(physical, string(p))
}

// Owns reports whether a physical name is the tenant's.
func (p Prefix) Owns(physical string) bool { return strings.HasPrefix(physical, string(p)) }

// TenantOf returns the id of the logical cluster that has a physical name, and false for a name of nobody's.
func TenantOf(physical string) (logicalClusterID string, ok bool) {
	id, _, ok := strings.Cut(physical, separator)
	return id, ok
}

// MaxTopicLength is the most bytes that a topic name of the tenant may have.
func (p Prefix) MaxTopicLength() int { return maxTopicName - len(p) }

// CheckTopic returns an Invalid error where Kafka would not take name for a new topic (its Topic.validate), or
// where it is too long with the prefix before it.
func (p Prefix) CheckTopic(name string) error {
	switch {
	case name == "":
		return orrery.Errorf(orrery.Invalid, "a topic name is required")
	case name == "." || name == "..":
		return orrery.Errorf(orrery.Invalid, `a topic cannot be named "." or ".."`)
	case len(name) > p.MaxTopicLength():
		return orrery.Errorf(orrery.Invalid, "the topic name has %d characters; at most %d are allowed", len(name), p.MaxTopicLength())
	}
	for _, c := range []byte(name) {
		if !topicCharacter(c) {
			return orrery.Errorf(orrery.Invalid, `the topic name holds characters other than ASCII letters and digits, ".", "_" and "-"`)
		}
	}
	return nil
}

func topicCharacter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// CheckGroup returns an Invalid error where name cannot be the id of a group that members join.
func (p Prefix) CheckGroup(name string) error { return checkID("group id", name) }

// CheckTransactionalID returns an Invalid error where name cannot be a transactional id.
func (p Prefix) CheckTransactionalID(name string) error { return checkID("transactional id", name) }

func checkID(what, name string) error {
	switch {
	case name == "":
		return orrery.Errorf(orrery.Invalid, "a %s is required", what)
	case len(name) > maxID:
		return orrery.Errorf(orrery.Invalid, "the %s has %d bytes; at most %d are allowed", what, len(name), maxID)
	}
	return nil
}

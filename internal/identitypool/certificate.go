package identitypool

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/clientcertificate"
)

// ErrNoIdentity is a certificate without the part that its identity pool takes for its name.
var ErrNoIdentity = errors.New("the client certificate has not the part that the identity pool takes for its name, or it is not of 1 to 256 printable bytes")

// CertificateFilter is a compiled filter over the parts of a certificate: CN, O, OU and the other strings of
// clientcertificate.Identifiers, each "" where a certificate has none, and the list SAN. It is for concurrent use.
type CertificateFilter struct{ program cel.Program }

// CompileCertificate reads a filter over certificates. The error is Invalid, about the field /filter, and says where
// it is wrong.
func CompileCertificate(filter string) (*CertificateFilter, error) {
	variables := []cel.EnvOption{cel.Variable(clientcertificate.Names, cel.ListType(cel.StringType))}
	for _, name := range clientcertificate.Identifiers() {
		variables = append(variables, cel.Variable(name, cel.StringType))
	}
	program, err := compile(filter, "parts of a certificate ("+strings.Join(clientcertificate.Identifiers(), ", ")+", SAN)", variables...)
	if err != nil {
		return nil, err
	}
	return &CertificateFilter{program}, nil
}

// Lets reports whether the filter is true of a certificate. One that takes too long is not.
func (f *CertificateFilter) Lets(c *x509.Certificate) bool {
	values := map[string]any{clientcertificate.Names: clientcertificate.AlternativeNames(c)}
	for _, name := range clientcertificate.Identifiers() {
		values[name] = clientcertificate.Attribute(c, name)
	}
	result, _, err := f.program.Eval(values)
	return err == nil && result == types.True
}

// CheckIdentifier returns an Invalid error, about the field /external_identifier, unless identifier names a string of
// certificates.
func CheckIdentifier(identifier string) error {
	if all := clientcertificate.Identifiers(); !slices.Contains(all, identifier) {
		return orrery.InvalidField("/external_identifier", "the external identifier must be one of %s", strings.Join(all, ", "))
	}
	return nil
}

// CertificateIdentity returns who a certificate says that its client is, in the part that identifier names. The error
// is ErrNoIdentity.
func CertificateIdentity(c *x509.Certificate, identifier string) (string, error) {
	identity := clientcertificate.Attribute(c, identifier)
	if !printable(identity) {
		return "", ErrNoIdentity
	}
	return identity, nil
}

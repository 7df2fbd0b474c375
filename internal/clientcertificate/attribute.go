package clientcertificate

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
)

// subjectAttributes are the parts of a subject's name that a filter may use, by the identifier of RFC 4514.
var subjectAttributes = map[string]string{
	"CN": "2.5.4.3", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8", "STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11",
	"UID": "0.9.2342.19200300.100.1.1", "DC": "0.9.2342.19200300.100.1.25",
}

// The identifiers beside those of the subject: the serial number and the SHA-1 fingerprint, in lower case hexadecimal
// digits, and the names of the certificate, a list.
const (
	SerialNumber = "SNID"
	Fingerprint  = "SHA1"
	Names        = "SAN"
)

// Identifiers returns the names of all strings that a certificate has for a filter, sorted; SAN, a list, is not one.
func Identifiers() []string {
	all := []string{SerialNumber, Fingerprint}
	for name := range subjectAttributes {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Attribute returns the string of an identifier, "" where the certificate has none. What is there several times, such
// as OU and DC, is joined by commas, in the certificate's order.
func Attribute(c *x509.Certificate, identifier string) string {
	switch identifier {
	case SerialNumber:
		return serialNumber(c)
	case Fingerprint:
		return fingerprint(c)
	}
	var values []string
	for _, part := range c.Subject.Names {
		if text, ok := part.Value.(string); ok && part.Type.String() == subjectAttributes[identifier] {
			values = append(values, text)
		}
	}
	return strings.Join(values, ",")
}

// AlternativeNames returns the DNS names, e-mail addresses, IP addresses and URIs of a certificate.
func AlternativeNames(c *x509.Certificate) []string {
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	return names
}

func serialNumber(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// fingerprint is what the public service shows, and no proof of anything.
func fingerprint(c *x509.Certificate) string {
	hash := sha1.Sum(c.Raw)
	return hex.EncodeToString(hash[:])
}

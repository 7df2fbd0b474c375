package main

import (
	"crypto/x509"
	"net/netip"
	"os"
	"strings"
)

// parseNetworks reads the CIDR,CIDR… of a flag.
func parseNetworks(flag, text string) (networks []netip.Prefix, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if err != nil || network != network.Masked() {
			return nil, usageError("it looks like 10.1.0.0/16,192.168.7.0/24", "%s: %q is not a network", flag, part)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// readAuthorities returns the system's certificate authorities and those of a PEM file; nil, which is the system's,
// where none is named.
func readAuthorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	document, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError("", "--identity-provider-ca-file: %v", err)
	}
	authorities, err := x509.SystemCertPool()
	if err != nil {
		authorities = x509.NewCertPool()
	}
	if !authorities.AppendCertsFromPEM(document) {
		return nil, usageError("it is a file of PEM blocks: -----BEGIN CERTIFICATE-----", "--identity-provider-ca-file: there is no certificate in %s", file)
	}
	return authorities, nil
}

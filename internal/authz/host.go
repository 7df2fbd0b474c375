package authz

import (
	"net/netip"
	"strconv"
	"strings"
)

// Host writes a client's address as Kafka does before it compares it with the host of an ACL (Java's
// InetAddress.getHostAddress): an IPv6 address has all eight groups without leading zeros, so 2001:db8::1 is
// 2001:db8:0:0:0:0:0:1, and an IPv4 address within IPv6 is the IPv4 address.
func Host(address netip.Addr) string {
	address = address.Unmap()
	if !address.Is6() {
		return address.String()
	}
	var b strings.Builder
	bytes := address.As16()
	for i := 0; i < len(bytes); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strconv.FormatUint(uint64(bytes[i])<<8|uint64(bytes[i+1]), 16))
	}
	if zone := address.Zone(); zone != "" {
		b.WriteString("%" + zone)
	}
	return b.String()
}

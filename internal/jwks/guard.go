package jwks

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
)

var errNotPublic = errors.New("its host is not at a public address, and its network is not among those that the operator allows")

// special are networks that netip does not tell from public ones (RFC 6890 and its registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

// guard keeps connections from addresses that are not public, except in the networks that are allowed. It sees the
// address that is dialled, after the name was resolved, so no name can lead elsewhere.
func guard(allowed []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return errNotPublic
		}
		ip := at.Addr().Unmap().WithZone("")
		contains := func(p netip.Prefix) bool { return p.Contains(ip) }
		switch {
		case slices.ContainsFunc(allowed, contains):
			return nil
		case !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(special, contains):
			return errNotPublic
		}
		return nil
	}
}

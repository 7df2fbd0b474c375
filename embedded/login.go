package embedded

import (
	"net/netip"
	"time"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// MaxHalfOpen is the most that Login.HalfOpen may be.
const MaxHalfOpen = gateway.MaxUnauthenticated

// Login bounds what Kafka clients can do at each broker before they have logged in, and how long a login lasts. A zero
// field is as in DefaultLogin.
type Login struct {
	// SessionLifetime is how long a login lasts before the client must authenticate again (KIP-368); 0 is without end,
	// but for an OAuth token's own.
	SessionLifetime time.Duration
	// HalfOpen is how many connections may not have logged in yet, at most MaxHalfOpen. For one more, the one that has
	// waited for longest is closed.
	HalfOpen int
	// AddressHalfOpen is how many of those may be of one address (one /64 of IPv6). AddressAttempts is how many
	// connections an address may make at once, and AddressFailures how many of its logins may fail; a tenth of both comes
	// back each second.
	AddressHalfOpen, AddressAttempts, AddressFailures int
	// ExemptNetworks have no limits by address; nil is loopback, and an empty list nobody.
	ExemptNetworks []netip.Prefix
}

// DefaultLogin is what holds where nothing else is said.
func DefaultLogin() Login {
	l := gateway.DefaultLimits()
	return Login{
		SessionLifetime: l.SessionLifetime, HalfOpen: l.Unauthenticated,
		AddressHalfOpen: l.AddressConnections, AddressAttempts: l.AddressAttempts, AddressFailures: l.AddressFailures,
		ExemptNetworks: gateway.Loopback(),
	}
}

// limits are the gateways'.
func (l Login) limits() gateway.Limits {
	return gateway.Limits{
		SessionLifetime: l.SessionLifetime, Unauthenticated: l.HalfOpen,
		AddressConnections: l.AddressHalfOpen, AddressAttempts: l.AddressAttempts, AddressFailures: l.AddressFailures,
	}
}

// file is what gateways that are processes of their own are told.
func (l Login) file() process.LoginFile {
	return process.LoginFile{
		SessionLifetime: process.Duration(l.SessionLifetime), HalfOpen: l.HalfOpen,
		AddressHalfOpen: l.AddressHalfOpen, AddressAttempts: l.AddressAttempts, AddressFailures: l.AddressFailures, ExemptNetworks: l.ExemptNetworks,
	}
}

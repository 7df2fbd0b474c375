package gateway

import "time"

// Limits bound what clients can make the gateway hold. A zero field has its default.
type Limits struct {
	// Connections is how many clients may be connected at once; further ones are closed. 10,000.
	Connections int
	// Unauthenticated is how many of them may not have logged in yet, at most MaxUnauthenticated; a fifth, and at least
	// 16. For one more the one that has waited for longest is closed.
	Unauthenticated int
	// AddressConnections is how many of those may be of one address (one /64 of IPv6); 500. AddressAttempts is how many
	// connections an address may make, and AddressFailures how many logins may fail of it, at once; a tenth of that comes
	// back each second. 1,000 and 100. See Config.ExemptAddresses.
	AddressConnections, AddressAttempts, AddressFailures int
	// ProduceBytes bounds a Produce request; 100 MiB, Kafka's socket.request.max.bytes.
	ProduceBytes int
	// RequestBytes bounds every other request; 8 MiB. It is smaller because a decoded array can need many times
	// the bytes that it has on the wire.
	RequestBytes int
	// UnauthenticatedBytes bounds a request before the client is authenticated; 64 KiB.
	UnauthenticatedBytes int
	// InFlight is how many requests of one connection may wait for their responses; 64. A client that sends more
	// is not read until some are answered.
	InFlight int
	// BufferedBytes bounds all large requests that are being read or decoded at once, and once more all large
	// responses; 512 MiB each.
	BufferedBytes int64
	// FetchBytes caps what a client may ask one Fetch response to hold; 55 MiB, Kafka's fetch.max.bytes. It streams
	// through, so this is no memory of the gateway's.
	FetchBytes int32
	// FetchSessions is how many incremental fetch sessions a tenant may hold at this broker, which keeps 1,000
	// for all; 100. Further fetches are answered without a session.
	FetchSessions int
	// ShareSessions is how many share sessions a tenant may hold at this broker, which keeps 2,000 for all; 200. A
	// member of a share group has one at each broker that it reads from; without one it cannot read.
	ShareSessions int
	// ProducerIDs is how many new producer ids a tenant may get or write with here in ten minutes, all at once if it
	// likes; 5,000. Further ones have to wait: clients are told what they try again.
	ProducerIDs int
	// HandshakeTimeout is for TLS, AuthenticationTimeout for TLS and SASL together, IdleTimeout for a connection
	// on which nothing is asked (Kafka's connections.max.idle.ms), and StallTimeout for one MiB of a request or
	// response to pass. 10 s, 30 s, 10 min and 60 s.
	HandshakeTimeout, AuthenticationTimeout, IdleTimeout, StallTimeout time.Duration
	// SessionLifetime is how long a login lasts before the client must authenticate again (KIP-368, a broker's
	// connections.max.reauth.ms); 0, the default, is without end, but for an OAuth token's own.
	SessionLifetime time.Duration
}

// maxResponseBytes bounds what the gateway reads as one response of a broker: far above what the capped requests
// can ask for.
const maxResponseBytes = 256 << 20

const defaultConnections = 10_000

// MaxUnauthenticated is the most that Limits.Unauthenticated may be; more is as much.
const MaxUnauthenticated = maxAddresses / 2

// DefaultLimits returns what Limits are where nothing is said.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

func (l Limits) withDefaults() Limits {
	return Limits{
		Connections:           orDefault(l.Connections, defaultConnections),
		Unauthenticated:       min(orDefault(l.Unauthenticated, max(orDefault(l.Connections, defaultConnections)/5, 16)), MaxUnauthenticated),
		AddressConnections:    orDefault(l.AddressConnections, 500),
		AddressAttempts:       orDefault(l.AddressAttempts, 1000),
		AddressFailures:       orDefault(l.AddressFailures, 100),
		ProduceBytes:          orDefault(l.ProduceBytes, 100<<20),
		RequestBytes:          orDefault(l.RequestBytes, 8<<20),
		UnauthenticatedBytes:  orDefault(l.UnauthenticatedBytes, 64<<10),
		InFlight:              orDefault(l.InFlight, 64),
		BufferedBytes:         orDefault(l.BufferedBytes, 512<<20),
		FetchBytes:            orDefault(l.FetchBytes, 55<<20),
		FetchSessions:         orDefault(l.FetchSessions, 100),
		ShareSessions:         orDefault(l.ShareSessions, 200),
		ProducerIDs:           orDefault(l.ProducerIDs, 5000),
		HandshakeTimeout:      orDefault(l.HandshakeTimeout, 10*time.Second),
		AuthenticationTimeout: orDefault(l.AuthenticationTimeout, 30*time.Second),
		IdleTimeout:           orDefault(l.IdleTimeout, 10*time.Minute),
		StallTimeout:          orDefault(l.StallTimeout, time.Minute),
		SessionLifetime:       max(l.SessionLifetime, 0),
	}
}

func orDefault[T int | int32 | int64 | time.Duration](value, fallback T) T {
	if value > 0 {
		return value
	}
	return fallback
}

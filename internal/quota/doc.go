// Package quota decides how much of what a tenant may use now, and what each gateway's share of it is: pure, with
// the time as an argument.
//
// A Meter holds one token bucket for each rate of a tenant. A request is admitted when what came before it is paid for, may
// then overdraw each bucket, and its connection is muted until the debt is gone (KIP-219): so a request larger than
// the burst passes, and no batch size and no number of connections gets more than the rate. Buckets count in whole
// units and keep the remainder, so nothing drifts.
//
// A quota holds for the tenant on all gateways together. Each gateway publishes every second what its part of the
// tenant used and what was held back (Published), and computes its own share from everybody's (Exchange, ShareOf): in
// proportion to use, with what is left over going to whoever was held back, so nobody is throttled before the use of
// the whole cluster nears the quota (Kora, VLDB 2023, dynamic quotas).
//
// Client quotas (ClientQuotas) are Kafka's own, kept per tenant: Match finds those that hold for a connection,
// ClientMeters has a bucket for each of a bounded number of Scopes, and Payers.Admit charges a request to the tenant
// and all of them, or to none.
//
// No value here locks. A gateway holds one mutex per tenant around its Tenant and its ClientMeters, and one around the
// Exchange: to admit and settle a request takes some tens of nanoseconds, allocates nothing and touches no map.
//
// Times are int64 nanoseconds of a clock that does not go back, such as time.Since of a fixed start; a time before
// the last one counts as the last one.
package quota

// Package embedded runs every role of the service in one process on one data directory: mothership, satellite,
// the inproc substrate with its engine, gateways and balancers, all on loopback. It is wiring, not other code:
// the roles talk as they do when each is a process of its own, and the link between mothership and satellite is
// real Kafka topics on pkc-control.
package embedded

// Package embedded runs every role of the service in one process on one data directory: mothership, satellite,
// the inproc substrate with its engine, gateways and balancers, all on loopback; with Apache Kafka as the engine
// brokers, gateways and balancers are processes of their own. It is wiring, not other code: the roles talk as they
// do when each is a process, and the link between mothership and satellite is real Kafka topics on pkc-control.
package embedded

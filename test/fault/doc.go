// Package fault breaks what operators fear, on real Apache Kafka behind real gateways, while a load with exact checks
// runs (test/fault/load), and proves that no acknowledged record is lost, doubled or out of order, and that no client
// needs to be touched. With ORRERY_SOAK=1 it runs what is too long for make test.
package fault

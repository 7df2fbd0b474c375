// Package orrery is the domain of a managed, multi-tenant Kafka service: its nouns and their rules.
//
// An organization owns environments; an environment holds logical clusters, which are what a user creates.
// A logical cluster lives on a physical cluster, described by a PSC (physical stateful cluster): the complete
// desired state of brokers, disks, configuration and endpoints, with a generation. A mothership decides and
// stores; a satellite takes PSCs over the link and its operator makes them real on a substrate.
//
// The package imports the standard library only and nothing of this repository, so that every layer may import
// it. Nothing here does I/O, and nothing here knows the time: a caller passes both in.
package orrery

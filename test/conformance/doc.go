// Package conformance holds franz-go's own integration tests against the gateway: the tests of its kgo package, as
// they are, run directly on a Kafka engine and through a listener that is bound to one tenant, and have to end the
// same way, test by test.
package conformance

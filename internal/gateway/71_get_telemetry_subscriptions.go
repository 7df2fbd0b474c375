package gateway

import (
	"context"
	"crypto/rand"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// GetTelemetrySubscriptions: v0 (KIP-714)
//
// Behavior:
// * Answered by the gateway: there is a subscription, the same for every client, and it asks for no metrics. So
// clients collect nothing, push nothing, and ask again after a while. Nothing is remembered of them.
// * A client without an instance id is given a random one. librdkafka tells of that in one INFO line of its own for each
// client ("Telemetry client instance id changed from AAAA…"), as on any cluster that offers telemetry; its
// enable.metrics.push=false ends it.
// * Needs no right, as in Kafka.
func getTelemetrySubscriptions(_ context.Context, _ *session, r *kmsg.GetTelemetrySubscriptionsRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.GetTelemetrySubscriptionsResponse)
	response.ClientInstanceID = r.ClientInstanceID
	if r.ClientInstanceID == ([16]byte{}) {
		rand.Read(response.ClientInstanceID[:]) // never fails
		response.ClientInstanceID[6] = response.ClientInstanceID[6]&0x0f | 0x40
		response.ClientInstanceID[8] = response.ClientInstanceID[8]&0x3f | 0x80
	}
	response.SubscriptionID = telemetrySubscription
	response.AcceptedCompressionTypes = telemetryCompressions
	response.PushIntervalMillis, response.TelemetryMaxBytes = telemetryIntervalMillis, maxTelemetryBytes
	response.DeltaTemporality = true
	return answered(response), nil
}

const (
	// telemetrySubscription changes with what the subscription asks for.
	telemetrySubscription   = 1
	telemetryIntervalMillis = 300_000 // Kafka's default
	maxTelemetryBytes       = 1 << 20 // Kafka's default, telemetry.max.bytes
)

// telemetryCompressions are none, gzip, snappy, lz4 and zstd; nothing is ever decompressed.
var telemetryCompressions = []int8{0, 1, 2, 3, 4}

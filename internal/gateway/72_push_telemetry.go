package gateway

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// PushTelemetry: v0 (KIP-714)
//
// Behavior:
// * Answered by the gateway: what is pushed is counted and dropped, neither decompressed nor looked at. It may hold
// names of the tenant, and a few bytes of it may stand for gigabytes.
// * Without an instance id: INVALID_REQUEST. Another subscription than GetTelemetrySubscriptions (71) gave:
// UNKNOWN_SUBSCRIPTION_ID. An unknown compression: UNSUPPORTED_COMPRESSION_TYPE. Above 1 MiB: TELEMETRY_TOO_LARGE.
func pushTelemetry(_ context.Context, s *session, r *kmsg.PushTelemetryRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.PushTelemetryResponse)
	switch {
	case r.ClientInstanceID == ([16]byte{}):
		response.ErrorCode = kerr.InvalidRequest.Code
	case r.SubscriptionID != telemetrySubscription:
		response.ErrorCode = kerr.UnknownSubscriptionID.Code
	case !slices.Contains(telemetryCompressions, r.CompressionType):
		response.ErrorCode = kerr.UnsupportedCompressionType.Code
	case len(r.Metrics) > maxTelemetryBytes:
		response.ErrorCode = kerr.TelemetryTooLarge.Code
	default:
		s.gateway.metrics.telemetryPushes.Inc()
		s.gateway.metrics.telemetryBytes.Add(float64(len(r.Metrics)))
	}
	return answered(response), nil
}

package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// allHandlers lists how the gateway treats each API key that it offers, one file NN_api_name.go per key. What is
// not listed is not offered: its request is refused (see denied.go) and never reaches a broker.
func allHandlers() []handler {
	return []handler{
		handle(0, 3, 13, produce),
		handle(1, 4, 18, fetch),
		handle(2, 1, 11, listOffsets),
		handle(3, 0, 13, metadata),
		handle(8, 2, 10, offsetCommit),
		handle(9, 1, 10, offsetFetch),
		handle(10, 0, 6, findCoordinator),
		handle(11, 0, 9, joinGroup),
		handle(12, 0, 4, heartbeat),
		handle(13, 0, 5, leaveGroup),
		handle(14, 0, 5, syncGroup),
		handle(15, 0, 6, describeGroups),
		handle(16, 0, 5, listGroups),
		handle(17, 0, 1, saslHandshake),
		handle(18, 0, maxApiVersions, apiVersions),
		handle(19, 2, 7, createTopics),
		handle(20, 1, 6, deleteTopics),
		handle(21, 0, 2, deleteRecords),
		handle(22, 0, 5, initProducerID),
		handle(23, 2, 4, offsetForLeaderEpoch),
		handle(24, 0, 3, addPartitionsToTxn),
		handle(25, 0, 4, addOffsetsToTxn),
		handle(26, 0, 5, endTxn),
		handle(28, 0, 6, txnOffsetCommit),
		handle(29, 1, 3, describeACLs),
		handle(30, 1, 3, createACLs),
		handle(31, 1, 3, deleteACLs),
		handle(32, 1, 4, describeConfigs),
		handle(33, 0, 2, alterConfigs),
		handle(36, 0, 2, saslAuthenticate),
		handle(37, 0, 3, createPartitions),
		handle(42, 0, 3, deleteGroups),
		handle(44, 0, 1, incrementalAlterConfigs),
		handle(47, 0, 0, offsetDelete),
		handle(48, 0, 1, describeClientQuotas),
		handle(49, 0, 1, alterClientQuotas),
		handle(60, 0, 2, describeCluster),
		handle(61, 0, 0, describeProducers),
		handle(65, 0, 0, describeTransactions),
		handle(66, 0, 2, listTransactions),
		handle(68, 0, 1, consumerGroupHeartbeat),
		handle(69, 0, 1, consumerGroupDescribe),
		handle(71, 0, 0, getTelemetrySubscriptions),
		handle(72, 0, 0, pushTelemetry),
		handle(74, 0, 1, listConfigResources),
		handle(75, 0, 0, describeTopicPartitions),
		handle(76, 1, 1, shareGroupHeartbeat),
		handle(77, 1, 1, shareGroupDescribe),
		handle(78, 1, 2, shareFetch),
		handle(79, 1, 2, shareAcknowledge),
		handle(88, 0, 0, streamsGroupHeartbeat),
		handle(89, 0, 0, streamsGroupDescribe),
		handle(90, 0, 1, describeShareGroupOffsets),
		handle(91, 0, 0, alterShareGroupOffsets),
		handle(92, 0, 0, deleteShareGroupOffsets),
	}
}

// step is what a handler decides about one request.
type step struct {
	// forward is the rewritten request for the broker; nil: it is not forwarded.
	forward kmsg.Request
	// finish rewrites the broker's response for the client; nil: it is passed as it is. It runs on the
	// goroutine that reads the broker, after later requests may have been handled, and must not keep the request's byte
	// slices (names and topic ids are safe).
	finish func(kmsg.Response) (kmsg.Response, error)
	// answer is the gateway's own answer, used where forward is nil. With both nil there is no response (acks=0).
	answer kmsg.Response
}

// handler is how the gateway treats one API key: the versions that it offers and the function that decides about
// a request. An error of the function closes the connection with that reason.
type handler struct {
	key, min, max int16
	handle        func(context.Context, *session, kmsg.Request) (step, error)
}

// handle makes a handler of a function that takes the request's own type.
func handle[R kmsg.Request](key, minVersion, maxVersion int16, f func(context.Context, *session, R) (step, error)) handler {
	return handler{key, minVersion, maxVersion, func(ctx context.Context, s *session, r kmsg.Request) (step, error) {
		return f(ctx, s, r.(R))
	}}
}

// forwarded is the step of a request that goes to the broker, and whose response finish rewrites in place.
func forwarded[R kmsg.Response](request kmsg.Request, finish func(R) error) step {
	return step{forward: request, finish: func(r kmsg.Response) (kmsg.Response, error) {
		return r, finish(r.(R))
	}}
}

// answered is the step of a request that the gateway answers itself.
func answered(response kmsg.Response) step { return step{answer: response} }

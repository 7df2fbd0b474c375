package gateway

import "github.com/twmb/franz-go/pkg/kerr"

// errorClass says who can do something about an error.
type errorClass int

// The classes of errors.
const (
	errorAuthentication errorClass = iota // who the client is
	errorAuthorization                    // what it may do
	errorQuota                            // how much
	errorRequest                          // the request itself: a name, a configuration, a size
	errorRetriable                        // it passes, and clients try again
	errorState                            // what the request is about: unknown, other, already there
	errorClasses        = iota
)

// String is the class as metrics name it.
func (c errorClass) String() string {
	return [errorClasses]string{"authentication", "authorization", "quota", "request", "retriable", "state"}[c]
}

// classes are those of the errors for which Kafka's own "retriable" does not tell.
var classes = classesOf(map[errorClass][]*kerr.Error{
	errorAuthentication: {kerr.SaslAuthenticationFailed, kerr.IllegalSaslState, kerr.UnsupportedSaslMechanism, kerr.SecurityDisabled},
	errorAuthorization: {
		kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.DelegationTokenAuthorizationFailed,
	},
	errorQuota: {kerr.PolicyViolation, kerr.ThrottlingQuotaExceeded, kerr.GroupMaxSizeReached},
	errorRequest: {
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.CorruptMessage, kerr.InvalidTopicException, kerr.InvalidRequiredAcks, kerr.InvalidGroupID,
		kerr.InvalidSessionTimeout, kerr.InvalidCommitOffsetSize, kerr.InvalidTimestamp, kerr.UnsupportedVersion, kerr.InvalidPartitions,
		kerr.InvalidReplicationFactor, kerr.InvalidReplicaAssignment, kerr.InvalidConfig, kerr.InvalidRequest,
		kerr.UnsupportedForMessageFormat, kerr.InvalidTransactionTimeout, kerr.UnsupportedCompressionType, kerr.InvalidRecord,
		kerr.InvalidRegularExpression, kerr.TopicDeletionDisabled,
	},
})

func classesOf(byClass map[errorClass][]*kerr.Error) map[int16]errorClass {
	classes := map[int16]errorClass{}
	for class, errors := range byClass {
		for _, err := range errors {
			classes[err.Code] = class
		}
	}
	return classes
}

// classOf returns the class of a code that is not 0.
func classOf(code int16) errorClass {
	if class, ok := classes[code]; ok {
		return class
	}
	if err := kerr.TypedErrorForCode(code); err != nil && err.Retriable {
		return errorRetriable
	}
	return errorState
}

package kafkarest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/orrery-kafka/orrery"
)

// failure is an error as Kafka REST shows it: an HTTP status, and the body {error_code, message}.
type failure struct {
	status, code int
	message      string
	retryAfter   time.Duration // only where it is meant
	cause        error         // for the log
}

// The codes that clients of the public API know.
const (
	codeInvalid          = 40002
	codeUnauthenticated  = 40101
	codeForbidden        = 40301
	codeUnknownCluster   = 40401
	codeUnknownPartition = 40402
	codeUnknownTopic     = 40403
	codeTooLarge         = 41301
)

// Error implements error.
func (f *failure) Error() string {
	if f.cause != nil {
		return f.message + ": " + f.cause.Error()
	}
	return f.message
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// retryLater is what the caller of an overloaded or unavailable service is told to wait.
const retryLater = time.Second

// write sends the failure as an HTTP answer.
func (f *failure) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	if f.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Basic realm="Kafka REST", charset="UTF-8"`)
	}
	if f.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retryAfter.Seconds()))))
	}
	w.WriteHeader(f.status)
	body, _ := json.Marshal(f.body()) // a struct of a number and a string
	_, _ = w.Write(append(body, '\n'))
}

// failureBody is {error_code, message}.
type failureBody struct {
	ErrorCode int    `json:"error_code"`
	Message   string `json:"message"`
}

func (f *failure) body() failureBody { return failureBody{f.code, f.message} }

func badRequest(format string, arguments ...any) error {
	return &failure{status: http.StatusBadRequest, code: codeInvalid, message: fmt.Sprintf(format, arguments...)}
}

func tooLarge(what string, limit int64) error {
	return &failure{status: http.StatusRequestEntityTooLarge, code: codeTooLarge, message: fmt.Sprintf("%s is larger than %d bytes", what, limit)}
}

func unknownTopic(name string) error {
	return &failure{status: http.StatusNotFound, code: codeUnknownTopic, message: fmt.Sprintf("the topic %q does not exist in this cluster", name)}
}

// domainFailures is how codes of the domain show.
var domainFailures = map[orrery.Code]failure{
	orrery.Invalid:          {status: http.StatusBadRequest, code: codeInvalid},
	orrery.Unauthenticated:  {status: http.StatusUnauthorized, code: codeUnauthenticated},
	orrery.Forbidden:        {status: http.StatusForbidden, code: codeForbidden},
	orrery.NotFound:         {status: http.StatusNotFound, code: codeUnknownCluster},
	orrery.Conflict:         {status: http.StatusConflict, code: http.StatusConflict},
	orrery.LimitExceeded:    {status: http.StatusBadRequest, code: codeInvalid},
	orrery.TooManyRequests:  {status: http.StatusTooManyRequests, code: http.StatusTooManyRequests, retryAfter: retryLater},
	orrery.Unavailable:      {status: http.StatusServiceUnavailable, code: http.StatusServiceUnavailable, retryAfter: retryLater},
	orrery.UnsupportedValue: {status: http.StatusBadRequest, code: codeInvalid},
	orrery.Internal:         {status: http.StatusInternalServerError, code: http.StatusInternalServerError},
}

// The failures that several of Kafka's errors share.
var (
	invalid     = failure{status: http.StatusBadRequest, code: codeInvalid}
	forbidden   = failure{status: http.StatusForbidden, code: codeForbidden}
	noTopic     = failure{status: http.StatusNotFound, code: codeUnknownTopic}
	large       = failure{status: http.StatusRequestEntityTooLarge, code: codeTooLarge}
	unavailable = failure{status: http.StatusServiceUnavailable, code: http.StatusServiceUnavailable, retryAfter: retryLater}
	throttled   = failure{status: http.StatusTooManyRequests, code: http.StatusTooManyRequests, retryAfter: retryLater}
)

// kafkaFailures is how Kafka's errors show. Those that are not here are faults of ours.
var kafkaFailures = map[*kerr.Error]failure{
	kerr.TopicAuthorizationFailed:           forbidden,
	kerr.ClusterAuthorizationFailed:         forbidden,
	kerr.GroupAuthorizationFailed:           forbidden,
	kerr.TransactionalIDAuthorizationFailed: forbidden,
	kerr.UnknownTopicOrPartition:            noTopic,
	kerr.UnknownTopicID:                     noTopic,
	kerr.TopicAlreadyExists:                 invalid,
	kerr.InvalidTopicException:              invalid,
	kerr.InvalidPartitions:                  invalid,
	kerr.InvalidReplicationFactor:           invalid,
	kerr.InvalidReplicaAssignment:           invalid,
	kerr.InvalidConfig:                      invalid,
	kerr.InvalidRequest:                     invalid,
	kerr.InvalidRecord:                      invalid,
	kerr.InvalidTimestamp:                   invalid,
	kerr.PolicyViolation:                    invalid,
	kerr.TopicDeletionDisabled:              invalid,
	kerr.ReassignmentInProgress:             invalid,
	kerr.MessageTooLarge:                    large,
	kerr.RecordListTooLarge:                 large,
	kerr.ThrottlingQuotaExceeded:            throttled,
	kerr.SaslAuthenticationFailed:           {status: http.StatusUnauthorized, code: codeUnauthenticated},
	kerr.RequestTimedOut:                    unavailable,
	kerr.LeaderNotAvailable:                 unavailable,
	kerr.NotLeaderForPartition:              unavailable,
	kerr.BrokerNotAvailable:                 unavailable,
	kerr.ReplicaNotAvailable:                unavailable,
	kerr.NetworkException:                   unavailable,
	kerr.NotController:                      unavailable,
	kerr.NotEnoughReplicas:                  unavailable,
	kerr.NotEnoughReplicasAfterAppend:       unavailable,
	kerr.CoordinatorNotAvailable:            unavailable,
	kerr.CoordinatorLoadInProgress:          unavailable,
	kerr.KafkaStorageError:                  unavailable,
}

// kafkaError returns the failure of an error code in a response, nil for 0. The broker's own message, where there
// is one, says more than the code.
func kafkaError(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	err := kerr.TypedErrorForCode(code)
	f, ok := kafkaFailures[err]
	if !ok {
		return fmt.Errorf("unexpected error of the cluster: %w", kerr.ErrorForCode(code))
	}
	f.message, f.cause = err.Description, err
	if message != nil && *message != "" {
		f.message = *message
	}
	return &f
}

// errUnexpected is an answer of the cluster that does not fit the request.
var errUnexpected = errors.New("the cluster answered about other things than it was asked for")

// withRetryAfter tells a throttled caller to wait for as long as the cluster said.
func withRetryAfter(err error, throttleMillis int32) error {
	if f, ok := errors.AsType[*failure](err); ok && f.retryAfter > 0 {
		f.retryAfter = max(f.retryAfter, time.Duration(throttleMillis)*time.Millisecond)
	}
	return err
}

// failureOf makes a failure of any error. A foreign one shows only that there was one.
func failureOf(err error) *failure {
	var f *failure
	var domain *orrery.Error
	var kafka *kerr.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &domain):
		g := domainFailures[domain.Code]
		g.message, g.cause = orrery.ErrorMessage(err), err
		return &g
	case errors.As(err, &kafka) && errors.As(kafkaError(kafka.Code, nil), &f):
		return f
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), isConnection(err):
		g := unavailable
		g.message, g.cause = "the cluster did not answer in time; retry", err
		return &g
	default:
		return &failure{status: http.StatusInternalServerError, code: http.StatusInternalServerError, message: orrery.ErrorMessage(err), cause: err}
	}
}

package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// names returns the rules about the names of the session's tenant.
func (s *session) names() tenancy.Prefix { return s.prefix }

// groupError returns the Kafka error code of why the session may not do action to a group; 0: it may. The empty
// group id, which Kafka deprecated with KIP-289, is not offered.
func (s *session) groupError(action authz.Action, group string) int16 {
	switch {
	case s.prefix.CheckGroup(group) != nil:
		return kerr.InvalidGroupID.Code
	case !s.allowed(action, orrery.CRNGroup, group):
		return kerr.GroupAuthorizationFailed.Code
	}
	return 0
}

// transactionalIDError returns the Kafka error code of why the session may not do action to a transactional id; 0:
// it may.
func (s *session) transactionalIDError(action authz.Action, transactionalID string) int16 {
	switch {
	case s.prefix.CheckTransactionalID(transactionalID) != nil:
		return kerr.InvalidRequest.Code
	case !s.allowed(action, orrery.CRNTransactionalID, transactionalID):
		return kerr.TransactionalIDAuthorizationFailed.Code
	}
	return 0
}

// topicError returns the Kafka error code of why the session may not do action to a topic; 0: it may. A name that
// no topic can have is unknown.
func (s *session) topicError(action authz.Action, name string) int16 {
	switch {
	case s.prefix.CheckTopic(name) != nil:
		return kerr.UnknownTopicOrPartition.Code
	case !s.allowed(action, orrery.CRNTopic, name):
		return kerr.TopicAuthorizationFailed.Code
	}
	return 0
}

// topicIDError is topicError for a topic that is given by its id. Another tenant's id is as unknown as one that
// does not exist.
func (s *session) topicIDError(ctx context.Context, action authz.Action, id [16]byte) int16 {
	physical, ok := s.topicName(ctx, id)
	if !ok {
		return kerr.UnknownTopicID.Code
	}
	name, ok := s.logical(physical)
	if !ok {
		return kerr.UnknownTopicID.Code
	}
	return s.topicError(action, name)
}

// translateTopic checks a topic that newer versions of a request give by id and older ones by name, and makes the
// name physical. With an error code the name stays as it was, for the answer.
func (s *session) translateTopic(ctx context.Context, action authz.Action, byID bool, name *string, id [16]byte) int16 {
	if byID {
		return s.topicIDError(ctx, action, id)
	}
	code := s.topicError(action, *name)
	if code == 0 {
		*name = s.physical(*name)
	}
	return code
}

// errorText returns a broker's error message as the tenant may read it.
func (s *session) errorText(message *string) *string {
	if message == nil {
		return nil
	}
	text := s.prefix.ErrorText(*message)
	return &text
}

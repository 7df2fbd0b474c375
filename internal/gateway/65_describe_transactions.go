package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// DescribeTransactions: v0
//
// Behavior:
// * DESCRIBE on each transactional id, else TRANSACTIONAL_ID_AUTHORIZATION_FAILED for it.
// * Of a transaction's topics, those with DESCRIBE.
func describeTransactions(_ context.Context, s *session, r *kmsg.DescribeTransactionsRequest) (step, error) {
	type state = kmsg.DescribeTransactionsResponseTransactionState
	var refused []state
	r.TransactionalIDs, refused = sift(r.TransactionalIDs, func(id *string) (answer state, _ bool) {
		code := s.transactionalIDError(authz.Describe, *id)
		if code == 0 {
			*id = s.physical(*id)
			return answer, false
		}
		answer = kmsg.NewDescribeTransactionsResponseTransactionState()
		answer.TransactionalID, answer.ErrorCode = *id, code
		return answer, true
	})
	if len(r.TransactionalIDs) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.DescribeTransactionsResponse)
		response.TransactionStates = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.DescribeTransactionsResponse) error {
		response.TransactionStates = own(s, response.TransactionStates, func(t *state) *string { return &t.TransactionalID })
		for i := range response.TransactionStates {
			t := &response.TransactionStates[i]
			t.Topics, _ = sift(t.Topics, func(topic *kmsg.DescribeTransactionsResponseTransactionStateTopic) (struct{}, bool) {
				name, ok := s.logical(topic.Topic)
				topic.Topic = name
				return struct{}{}, !ok || !s.allowed(authz.Describe, orrery.CRNTopic, name)
			})
		}
		response.TransactionStates = append(refused, response.TransactionStates...)
		return nil
	}), nil
}

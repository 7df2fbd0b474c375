package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// ListTransactions: v0-1
//
// Behavior:
// * The broker lists the transactions of every tenant; those of others, whatever the filters, and those without
// DESCRIBE on the transactional id are left out.
//
// Version notes:
// * v1: filter by duration
// * v2: a pattern for the broker to match against physical names, not offered
func listTransactions(_ context.Context, s *session, r *kmsg.ListTransactionsRequest) (step, error) {
	type state = kmsg.ListTransactionsResponseTransactionState
	return forwarded(r, func(response *kmsg.ListTransactionsResponse) error {
		response.TransactionStates = own(s, response.TransactionStates, func(t *state) *string { return &t.TransactionalID })
		response.TransactionStates, _ = sift(response.TransactionStates, func(t *state) (struct{}, bool) {
			return struct{}{}, s.transactionalIDError(authz.Describe, t.TransactionalID) != 0
		})
		return nil
	}), nil
}

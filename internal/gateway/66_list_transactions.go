package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// ListTransactions: v0-2
//
// Behavior:
// * The broker lists the transactions of every tenant; those of others, whatever the filters, and those without
// DESCRIBE on the transactional id are left out. Where it knows patterns it is asked with the tenant's, so that it
// does not send the others.
// * The broker matches a pattern against the physical ids of all tenants, so it is rewritten for the tenant's
// (tenancy.Prefix.PhysicalRegex), with the ends of the id written out: Apache Kafka matches the whole id and the
// embedded engine any part of it. One that is not valid or too large is INVALID_REGULAR_EXPRESSION.
//
// Version notes:
// * v1: filter by duration
// * v2: filter by a pattern (KIP-1152)
func listTransactions(_ context.Context, s *session, r *kmsg.ListTransactionsRequest) (step, error) {
	type state = kmsg.ListTransactionsResponseTransactionState
	version, pattern := r.Version, everyID
	given := r.TransactionalIDPattern != nil && *r.TransactionalIDPattern != ""
	if given {
		pattern = *r.TransactionalIDPattern
	}
	if entry := s.gateway.table.Load().entry(r.Key()); given || entry != nil && entry.max >= 2 {
		physical, err := s.prefix.PhysicalRegex(pattern)
		if err != nil {
			response := r.ResponseKind().(*kmsg.ListTransactionsResponse)
			response.ErrorCode = kerr.InvalidRegularExpression.Code
			return answered(response), nil
		}
		physical = "^" + physical + "$"
		r.Version, r.TransactionalIDPattern = max(version, 2), &physical
	}
	return forwarded(r, func(response *kmsg.ListTransactionsResponse) error {
		response.Version = version
		response.TransactionStates = own(s, response.TransactionStates, func(t *state) *string { return &t.TransactionalID })
		response.TransactionStates, _ = sift(response.TransactionStates, func(t *state) (struct{}, bool) {
			return struct{}{}, s.transactionalIDError(authz.Describe, t.TransactionalID) != 0
		})
		return nil
	}), nil
}

// everyID matches every transactional id.
const everyID = "(?s).*"

package main

import (
	"errors"
	"fmt"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
)

// explainServer turns an answer of the API that is not 2xx into a failure with the server's own words, and a hint
// where there is something to do about it.
func (p *program) explainServer(err error) *failure {
	var domain *orrery.Error
	var answer *client.Failure
	if !errors.As(err, &domain) || !errors.As(err, &answer) {
		return nil
	}
	f := failed("", "%s", domain.Message).because(err).withCode(domain.Code)
	if domain.Pointer != "" {
		f.message += fmt.Sprintf(" (%s)", domain.Pointer)
	}
	switch domain.Code {
	case orrery.Unauthenticated:
		f.message = fmt.Sprintf("%s refuses the API key: %s", p.global.url, domain.Message)
		f.hint = "the key must be a Cloud API key of this server: check ORRERY_API_KEY and ORRERY_API_SECRET, or unset them to use the admin key of the server on this machine"
	case orrery.Forbidden:
		f.hint = "the key's owner needs a role: `orrery role-binding list` shows who has which"
	case orrery.Unavailable, orrery.TooManyRequests:
		f.hint = "try again"
		if answer.RetryAfter > 0 {
			f.hint = fmt.Sprintf("try again in %s", answer.RetryAfter)
		}
	case orrery.Internal:
		if answer.RequestID != "" {
			f.hint = "the server's log has it under the request " + answer.RequestID
		}
	}
	return f
}

package wire

import (
	"net/http"

	"github.com/orrery-kafka/orrery"
)

// Failure is the body of every answer that is not 2xx.
type Failure struct {
	Errors []Error `json:"errors"`
}

// Error is one thing that is wrong.
type Error struct {
	// ID is the id of the request, as in the header X-Request-Id and in the server's log.
	ID string `json:"id"`
	// Status is the HTTP status, as text.
	Status string `json:"status"`
	// Code is an orrery.Code.
	Code  string `json:"code" enum:"invalid,unauthenticated,forbidden,not_found,conflict,limit_exceeded,too_many_requests,unavailable,unsupported_value,internal"`
	Title string `json:"title"`
	// Detail says what is wrong and what to do about it.
	Detail string       `json:"detail"`
	Source *ErrorSource `json:"source,omitempty"`
}

// ErrorSource says which part of the request is wrong.
type ErrorSource struct {
	// Pointer is a JSON pointer (RFC 6901) into the body.
	Pointer string `json:"pointer,omitempty"`
	// Parameter is the name of a query parameter.
	Parameter string `json:"parameter,omitempty"`
}

// codes maps codes to HTTP statuses and back. Where two codes share a status, the first is what the status alone
// means.
var codes = []struct {
	code   orrery.Code
	status int
	title  string
}{
	{orrery.Invalid, http.StatusBadRequest, "Invalid request"},
	{orrery.UnsupportedValue, http.StatusBadRequest, "Not offered"},
	{orrery.Unauthenticated, http.StatusUnauthorized, "Not authenticated"},
	{orrery.LimitExceeded, http.StatusPaymentRequired, "Limit exceeded"},
	{orrery.Forbidden, http.StatusForbidden, "Not allowed"},
	{orrery.NotFound, http.StatusNotFound, "Not found"},
	{orrery.Conflict, http.StatusConflict, "Conflict"},
	{orrery.TooManyRequests, http.StatusTooManyRequests, "Too many requests"},
	{orrery.Internal, http.StatusInternalServerError, "Internal error"},
	{orrery.Unavailable, http.StatusServiceUnavailable, "Not available now"},
}

// StatusOf returns the HTTP status and the title of a code; an unknown code is Internal.
func StatusOf(code orrery.Code) (status int, title string) {
	for _, c := range codes {
		if c.code == code {
			return c.status, c.title
		}
	}
	return http.StatusInternalServerError, "Internal error"
}

// CodeOf returns the code of a failed answer from the code in its body, which may be "" or foreign (a proxy's),
// and its HTTP status.
func CodeOf(code string, status int) orrery.Code {
	for _, c := range codes {
		if string(c.code) == code {
			return c.code
		}
	}
	for _, c := range codes {
		if c.status == status {
			return c.code
		}
	}
	switch {
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return orrery.Unavailable
	case status >= 400 && status < 500:
		return orrery.Invalid
	}
	return orrery.Internal
}

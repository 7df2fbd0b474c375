package orrery

import (
	"errors"
	"fmt"
)

// Code says, for a machine, what kind of failure an Error is. Codes cross the wire: they are mapped to HTTP
// statuses in rest and to Kafka error codes in the gateway, so a value is never renamed.
type Code string

// The codes. Internal is what every foreign error becomes: its text is for the log, not for the user.
const (
	Invalid          Code = "invalid"           // the request is malformed or breaks a rule; repeating it will not help
	Unauthenticated  Code = "unauthenticated"   // no, wrong, or deleted credentials
	Forbidden        Code = "forbidden"         // authenticated, and the roles do not allow it
	NotFound         Code = "not_found"         // it does not exist, or the caller may not know that it does
	Conflict         Code = "conflict"          // a name is taken, or the state of the object does not allow it
	LimitExceeded    Code = "limit_exceeded"    // a limit of the organization, cluster or key is reached
	TooManyRequests  Code = "too_many_requests" // the caller is over its request rate
	Unavailable      Code = "unavailable"       // not now; the same request may succeed later
	UnsupportedValue Code = "unsupported_value" // well formed, part of the public API, and not offered here
	Internal         Code = "internal"          // a fault of ours
)

// Error is the only error type that a user sees. Message says what is wrong and what to do about it, in one or
// two sentences, without secrets and without names of other tenants.
type Error struct {
	Code    Code
	Message string
	// Pointer names the offending field of a request body as a JSON pointer ("/spec/display_name"), or is empty.
	Pointer string
	// Err is the cause, for the log only.
	Err error
}

// Error returns the message, with the cause behind it where there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a code with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidField makes an Invalid error about one field of a request body, named by its JSON pointer.
func InvalidField(pointer, format string, args ...any) *Error {
	return &Error{Code: Invalid, Message: fmt.Sprintf(format, args...), Pointer: pointer}
}

// ErrorCode returns the code of err: "" for nil, Internal for a foreign error.
func ErrorCode(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	default:
		return Internal
	}
}

// ErrorMessage returns what a user may read about err. A foreign error's text stays out of it.
func ErrorMessage(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e) && e.Code != Internal:
		return e.Message
	default:
		return "An internal error occurred; the server's log has it under this request's id."
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// failure is an error as a person reads it: what is wrong in one line, and what to do about it.
type failure struct {
	message string
	// hint is what to do next, or "".
	hint string
	// code is for a machine: an orrery.Code, or "usage".
	code  string
	usage bool // the command line or the configuration is at fault
	cause error
}

const codeUsage = "usage"

// Error returns the message.
func (f *failure) Error() string { return f.message }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// usageError says that the command line or the configuration is wrong.
func usageError(hint, format string, args ...any) *failure {
	return &failure{message: fmt.Sprintf(format, args...), hint: hint, code: codeUsage, usage: true}
}

// failed says that a command did not succeed.
func failed(hint, format string, args ...any) *failure {
	return &failure{message: fmt.Sprintf(format, args...), hint: hint, code: string(orrery.Unavailable)}
}

// because keeps the error that led to f, for errors.Is and errors.As.
func (f *failure) because(err error) *failure {
	f.cause = err
	return f
}

// withCode replaces the code for a machine.
func (f *failure) withCode(code orrery.Code) *failure {
	f.code = string(code)
	return f
}

// report writes f on stderr: one line and a hint, or a JSON document where the output is JSON.
func (p *program) report(f *failure) {
	if p.global.output == outputJSON {
		type body struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Hint    string `json:"hint,omitempty"`
		}
		encoder := json.NewEncoder(p.stderr)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(map[string]body{"error": {f.code, f.message, f.hint}}) // there is nowhere left to say that stderr fails
		return
	}
	fmt.Fprintf(p.stderr, "error: %s\n", oneLine(f.message))
	if f.hint != "" {
		fmt.Fprintf(p.stderr, "hint:  %s\n", strings.ReplaceAll(strings.TrimRight(f.hint, "\n"), "\n", "\n       "))
	}
}

// oneLine keeps an error on its line, whatever a server or a file put into it.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// explain turns any error into what a person can act on.
func (p *program) explain(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	for _, explainer := range []func(error) *failure{explainInterrupt, p.explainServer, p.explainTLS, p.explainNetwork, explainDisk, explainDomain} {
		if f := explainer(err); f != nil {
			return f
		}
	}
	return failed("", "%v", err).because(err).withCode(orrery.Internal)
}

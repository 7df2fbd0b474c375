// Package wire holds the JSON shapes of the public API, as both its server (internal/rest) and its Go client
// (package client) speak it.
//
// The shapes under org/v2, cmk/v2 and iam/v2 are those of the Confluent Cloud REST API, so that clients made for
// it work unmodified; what has no counterpart there is under orrery/v1 and follows the same conventions: an
// object is {api_version, kind, id, metadata, spec, status} (some older ones of iam/v2 and org/v2 are flat), a
// list is {api_version, kind: "XList", metadata, data}, another object is named by a Reference, and a failure
// is {errors: [...]}.
//
// A type without suffix is what the server answers and what a creation sends, whose read-only fields the server
// ignores. A type with the suffix Update is the body of a PATCH, in which an absent field stays unchanged.
//
// Two struct tags end up in the OpenAPI document: enum:"A,B" lists the values of a field and access:"read-only"
// says that only the server sets it.
package wire

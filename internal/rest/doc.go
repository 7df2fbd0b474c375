// Package rest serves the control plane's public API over HTTP, wire-compatible with Confluent Cloud's: it
// translates between package wire and the use cases of mothership, and holds no rule of its own.
//
// Every operation is one row of a route table, from which both the mux and the OpenAPI document are built, so
// what is documented is what is served. The rows stand at the head of the file of their noun. The same
// operations are served below /api, where the confluent CLI calls them.
//
// A use case returns at once; where its effect happens elsewhere, this package waits until the change is in
// force (or given up), so that a 2xx answer means usable. A client that disconnects ends the wait, not the
// operation.
package rest

// Package client is the Go client of the control plane's API: of the part that is wire-compatible with Confluent
// Cloud (environments, clusters, service accounts, API keys, role bindings) and of orrery/v1 (satellites,
// physical clusters, placement decisions, how far a cluster is).
//
//	c := &client.Client{URL: "http://127.0.0.1:8080", APIKey: key, APISecret: secret}
//	for environment, err := range c.ListEnvironments(ctx) { … }
//
// Bodies and answers are the shapes of package wire. Every failure is an *orrery.Error: its Code says what kind,
// its Message what to do about it; a *Failure behind it has the HTTP status and the request's id. Nothing is
// retried: a caller that wants to repeat a request after orrery.Unavailable or orrery.TooManyRequests finds the
// time to wait in Failure.RetryAfter.
package client

package main

import (
	"context"
	"errors"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/orrery-kafka/orrery"
)

// explainKafka turns what a Kafka client says into a failure that names the key and the command that helps.
// Errors that are not Kafka's own are left to the other explainers.
func explainKafka(err error, a kafkaAccess) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	newKey := "orrery api-key create --resource " + a.name() + " --save"
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return failed("is the secret right, and the key not deleted? A new one: "+newKey,
			"the cluster %s refuses the API key %s", a.name(), a.apiKey).because(err).withCode(orrery.Unauthenticated)
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return failed("clients log in with SASL over TLS (security.protocol=SASL_SSL) and the mechanism PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
			"the cluster %s does not offer this SASL mechanism", a.name()).because(err)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return forbidden(err, a, "the topic")
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return forbidden(err, a, "the consumer group")
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return forbidden(err, a, "this")
	case errors.Is(err, io.EOF):
		return failed("is this the Kafka endpoint of a cluster (TLS and SASL)? `orrery kafka cluster describe` shows it",
			"%s closed the connection while logging in", a.bootstrap).because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return failed("is the service up? `orrery psc list` shows how its clusters are", "%s did not answer within %s", a.bootstrap, kafkaTimeout).because(err)
	}
	var kafka *kerr.Error
	if errors.As(err, &kafka) {
		return failed("", "the cluster %s answers: %s (%s)", a.name(), kafka.Description, kafka.Message).because(err)
	}
	return err
}

func forbidden(err error, a kafkaAccess, what string) *failure {
	return failed("give the key's owner a role: orrery role-binding create --help",
		"the API key %s may not use %s in %s", a.apiKey, what, a.name()).because(err).withCode(orrery.Forbidden)
}

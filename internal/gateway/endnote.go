package gateway

import (
	"errors"

	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// noteEnd journals why a connection ended, unless the client left by itself. What only the operator may know, such as
// an address of a broker, is not in it.
func (g *Gateway) noteEnd(c *connection, reason error) {
	if errors.Is(reason, errClientLeft) {
		return
	}
	session := *c.session
	entry := Entry{Kind: EntryClosed}
	var text, fix string
	var protocol protocolError
	var handshake handshakeError
	var refused refusedError
	var owned ownedRefusalError
	var certificateRefused certificateRefusedError
	switch gone := g.state.Load().admits(session.Identity, c.credentialHash); {
	case errors.As(reason, &owned) && owned.logicalClusterID != "":
		session.LogicalClusterID = owned.logicalClusterID
		entry.Rule, text, fix = "authentication", owned.Error(), "compare the token with the identity provider and the identity pool: `orrery identity-provider describe`, `orrery identity-pool describe`"
	case errors.As(reason, &owned):
		entry.Rule, text, fix = "authentication", owned.Error(), "create a key with `orrery api-key create --resource CLUSTER`, or correct the secret"
		entry.APIKeyID = owned.keyID
		if key, known := g.state.Load().credential(owned.keyID); known {
			session.LogicalClusterID = key.LogicalClusterID
		}
	case errors.As(reason, &certificateRefused):
		entry.Rule, text, fix = "certificate", certificateRefused.Error(), "see `orrery certificate-authority list` and `orrery certificate-pool list`, or give the client another certificate"
		entry.ResourceType, entry.Resource = "certificate", certificateRefused.certificate
		for _, id := range certificateRefused.clusters {
			told := session
			told.LogicalClusterID = id
			entry.Reason, entry.Fix = shortened(text), fix
			g.note(&told, entry, func(*Entry) {})
		}
		return
	case errors.Is(reason, errCertificateOver):
		entry.Rule, text, fix = "certificate", errCertificateOver.Error(), "give the client a certificate that is valid for longer"
	case errors.As(reason, &refused):
		entry.Rule, text, fix = "authentication", refused.Error(), "use the settings that `orrery kafka client-config` prints"
	case errors.Is(reason, errTooManyConnections):
		entry.Rule, text, fix = "connections", reason.Error(), "use fewer connections, or open them more slowly: `orrery kafka quota list` shows the quotas"
	case errors.As(reason, &protocol):
		entry.Rule, text, fix = "protocol", protocol.Error(), "use a Kafka client with the settings that `orrery kafka client-config` prints, and an up-to-date version"
	case errors.Is(reason, errPlaintext):
		entry.Rule, text, fix = "tls", "the client does not speak TLS", "set security.protocol=SASL_SSL and the CA file: `orrery kafka client-config` prints both"
	case errors.As(reason, &handshake):
		entry.Rule, text, fix = "tls", handshake.Error(), "give the client the CA file that `orrery kafka client-config` names, and TLS 1.2 or newer"
	case c.registered && gone != nil:
		entry.Rule, text, fix = "credential", gone.Error(), "create another key with `orrery api-key create --resource CLUSTER`"
	default:
		return // the service's own affair, which clients get over by connecting again
	}
	entry.Reason, entry.Fix = shortened(text), fix
	g.note(&session, entry, func(*Entry) {})
}

// forgetTenants drops what is kept in memory about tenants that records have deleted.
func (g *Gateway) forgetTenants(records []stateRecord) {
	for _, r := range records {
		kind, id, err := tenancy.ParseStateKey(r.key)
		if err != nil || kind != tenancy.StateTenant {
			continue
		}
		if _, known := g.state.Load().tenant(id); !known {
			g.config.Journal.forget(id)
			g.audits.forget(id)
		}
	}
}

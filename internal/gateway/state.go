package gateway

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// state is what the gateway knows from _orrery_tenants. It never changes: a new record makes a new one.
type state struct {
	tenants     map[string]tenancy.Tenant
	credentials map[string]tenancy.Credential
	bindings    map[string]authz.Binding
	policy      *authz.Policy // of bindings
	endpoints   orrery.Endpoints
}

// endpoint returns the address of the gateway of a node.
func (s *state) endpoint(node int32) (host string, port int32, ok bool) {
	for _, b := range s.endpoints.Brokers {
		if b.Node == node {
			return b.Host, b.Port, true
		}
	}
	return "", 0, false
}

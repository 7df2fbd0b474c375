package gateway

import "errors"

// errForeignTopic is a response that would show a tenant what is not its own; it closes the connection.
var errForeignTopic = errors.New("the broker answered about a topic that the client did not name")

// endpointsOf gives brokers in a response the addresses of their gateways; one whose address is not known is left
// out.
func endpointsOf[Broker any](s *session, brokers []Broker, fields func(*Broker) (node int32, host *string, port *int32)) []Broker {
	kept := brokers[:0]
	for i := range brokers {
		node, host, port := fields(&brokers[i])
		gatewayHost, gatewayPort, ok := s.endpoint(node)
		if !ok {
			continue
		}
		*host, *port = gatewayHost, gatewayPort
		kept = append(kept, brokers[i])
	}
	return kept
}

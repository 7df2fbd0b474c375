package job

import (
	"crypto/tls"
	"fmt"

	"github.com/orrery-kafka/orrery/internal/pki"
)

// TLSConfig is what a front shows clients: the configuration that the service uses.
func (f Front) TLSConfig() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Chain, f.Key)
	if err != nil {
		return nil, fmt.Errorf("the front's certificate: %w", err)
	}
	var reloader pki.Reloader
	reloader.Swap(pki.Certificate{TLS: pair})
	return reloader.ServerConfig(), nil
}

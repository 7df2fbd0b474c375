package embedded

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/watch"
)

// loopWatch looks at brokers that are processes.
const loopWatch = "watch"

// openWatch makes what looks at the brokers' health; nil where they are in this process, for none of those can be ill
// alone.
func (w *worker) openWatch() (*watch.Watch, error) {
	inspector, ok := w.substrate.(substrate.Inspector)
	if !ok {
		return nil, nil
	}
	return watch.New(watch.Config{
		Trust: w.trust, Inspect: inspector.Inspect, Period: w.config.watchPeriod, Registerer: w.registry, Logger: w.log,
		Changed: func() { w.nudge(loopSatellite) },
	})
}

// trust reads whom Kafka clients have to trust.
func (w *worker) trust() (*x509.CertPool, error) {
	text, err := os.ReadFile(w.CAFile())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificates", w.CAFile())
	}
	return pool, nil
}

package platform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

// Cluster is a Dedicated logical cluster with its own brokers, and a key of its administrator.
type Cluster struct {
	// ID is the logical cluster, Physical the physical one that it is on.
	ID, Environment, Physical string
	// Bootstrap is host:port.
	Bootstrap string
	// Key and Secret log in with SASL/PLAIN.
	Key, Secret string

	platform *Platform
}

// Create creates a Dedicated cluster of one CKU, which is three brokers, and returns once it is provisioned. progress may
// be nil; it gets why it is not, whenever that changes.
func (p *Platform) Create(ctx context.Context, name string, progress func(reason string)) (*Cluster, error) {
	c := &Cluster{platform: p}
	for environment, err := range p.API.ListEnvironments(ctx) {
		if err != nil {
			return nil, err
		}
		c.Environment = environment.ID
		break
	}
	made, err := p.API.CreateCluster(ctx, wire.Cluster{Spec: wire.ClusterSpec{
		DisplayName: name, Availability: "SINGLE_ZONE", Cloud: "AWS", Region: "us-east-1",
		Config: wire.ClusterConfig{Kind: orrery.TypeDedicated, CKU: 1}, Environment: &wire.Reference{ID: c.Environment},
	}})
	if err != nil {
		return nil, err
	}
	c.ID = made.ID
	ready, err := p.API.WaitCluster(ctx, c.Environment, c.ID, func(l wire.LogicalCluster) {
		if progress != nil {
			progress(l.Status.State.Reason)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, p.Log())
	}
	_, c.Bootstrap, _ = strings.Cut(ready.Spec.KafkaBootstrapEndpoint, "://")
	placed, err := p.API.GetLogicalCluster(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	c.Physical = placed.Status.PhysicalCluster.ID
	key, err := p.API.CreateAPIKey(ctx, wire.APIKey{Spec: wire.APIKeySpec{Resource: &wire.Reference{ID: c.ID, Environment: c.Environment}}})
	if err != nil {
		return nil, err
	}
	c.Key, c.Secret = key.ID, key.Spec.Secret
	return c, nil
}

// Delete deletes the cluster, and returns once nothing of its physical cluster is left on the disk.
func (c *Cluster) Delete(ctx context.Context) error {
	err := c.platform.await(ctx, "the deletion of "+c.ID, func() (bool, error) {
		switch err := c.platform.API.DeleteCluster(ctx, c.Environment, c.ID); orrery.ErrorCode(err) {
		case orrery.Unavailable: // it goes on, and the same request says when it is done
			return false, nil
		case orrery.NotFound:
			return true, nil
		default:
			return err == nil, err
		}
	})
	if err != nil {
		return err
	}
	dir := c.platform.dir + "/clusters/" + c.Physical
	return c.platform.await(ctx, "the end of "+c.Physical, func() (bool, error) {
		_, err := os.Stat(dir)
		if os.IsNotExist(err) {
			return true, nil
		}
		return false, err
	})
}

// ClientOptions are what every Kafka client of the cluster gets: its bootstrap address, what to trust, and its login.
func (c *Cluster) ClientOptions() ([]kgo.Opt, error) {
	pem, err := os.ReadFile(c.platform.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", c.platform.CAFile)
	}
	return []kgo.Opt{
		kgo.SeedBrokers(c.Bootstrap), kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}),
		kgo.SASL(plain.Auth{User: c.Key, Pass: c.Secret}.AsMechanism()),
	}, nil
}

// Change sets fields of the physical cluster by hand, as a platform engineer does.
func (c *Cluster) Change(ctx context.Context, spec wire.PhysicalClusterSpecUpdate) error {
	_, err := c.platform.API.UpdatePhysicalCluster(ctx, c.Physical, wire.PhysicalClusterUpdate{Spec: spec})
	return err
}

// Ready returns nil once the physical cluster is as it is wanted, every broker of the wanted version, and nothing is
// being done to it any more. It says otherwise why that is not so.
func (c *Cluster) Ready(ctx context.Context) error {
	psc, err := c.platform.API.GetPhysicalCluster(ctx, c.Physical)
	if err != nil {
		return err
	}
	switch {
	case psc.Status.ObservedGeneration != psc.Generation:
		return fmt.Errorf("%s: generation %v is wanted, and %v is worked on", c.Physical, psc.Generation, psc.Status.ObservedGeneration)
	case psc.Status.Ready != orrery.True:
		return fmt.Errorf("%s is not ready: %s; %+v", c.Physical, psc.Status.Reason, psc.Status.Conditions)
	}
	if doing, ok := orrery.FindCondition(psc.Status.Conditions, orrery.ConditionProgressing); !ok || doing.Reason != orrery.ReasonSettled {
		return fmt.Errorf("%s has not settled: %s: %s", c.Physical, doing.Reason, doing.Message)
	}
	if len(psc.Status.Brokers) != psc.Spec.Brokers {
		return fmt.Errorf("%s has %d brokers, and %d are wanted", c.Physical, len(psc.Status.Brokers), psc.Spec.Brokers)
	}
	for _, b := range psc.Status.Brokers {
		if b.Version != psc.Spec.Version {
			return fmt.Errorf("%s: broker %d runs %q, and %q is wanted", c.Physical, b.Node, b.Version, psc.Spec.Version)
		}
	}
	return nil
}

// Finalized returns nil once the features of its version are finalised, after which it cannot go back.
func (c *Cluster) Finalized(ctx context.Context) error {
	psc, err := c.platform.API.GetPhysicalCluster(ctx, c.Physical)
	if err != nil {
		return err
	}
	if condition, ok := orrery.FindCondition(psc.Status.Conditions, orrery.ConditionFeaturesFinalized); !ok || condition.Status != orrery.True {
		return fmt.Errorf("%s: %s: %s", c.Physical, condition.Reason, condition.Message)
	}
	return nil
}

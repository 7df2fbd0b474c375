package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// openEmbedded starts the embedded engine with a gate before each broker: the engine itself is one process whose
// brokers cannot fail, so a broker that is down is one that nobody reaches and that leads nothing. What the engine
// does not do is move coordinators and the controller away from it, nor leave it out of metadata.
func openEmbedded(o Options) (*Cluster, error) {
	var gates []*gate
	options := []kfake.Opt{
		kfake.NumBrokers(o.Brokers), kfake.BrokerConfigs(o.Config),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			g, err := newGate(network)
			if err == nil {
				gates = append(gates, g)
			}
			return g, err
		}),
	}
	if len(o.Users) > 0 {
		options = append(options, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", superuser.Name, superuser.Password))
	}
	for _, user := range o.Users {
		options = append(options, kfake.User("PLAIN", user.Name, user.Password, embeddedACLs(user.ACLs)...))
	}
	cluster, err := kfake.NewCluster(append(options, o.Engine...)...)
	shut := func() (errs error) {
		for _, g := range gates {
			errs = errors.Join(errs, g.Close())
		}
		return errs
	}
	if err != nil {
		return nil, errors.Join(err, shut())
	}
	c := &Cluster{Embedded: cluster, logs: func() string { return "the embedded engine keeps no log" }}
	c.close = func() error {
		err := shut()
		cluster.Close()
		return err
	}
	for n, g := range gates {
		address := g.Addr().String()
		c.Brokers = append(c.Brokers, &Broker{
			Node: int32(n), Address: address, LoginAddress: address, life: &embeddedBroker{cluster: c, gate: g, node: int32(n)},
		})
	}
	return c, nil
}

func embeddedACLs(acls []ACL) []kfake.ACL {
	var all []kfake.ACL
	for _, a := range acls {
		for _, operation := range a.Operations {
			all = append(all, kfake.ACL{Resource: a.Resource, Name: a.Name, Pattern: a.pattern(), Operation: operation, Allow: true})
		}
	}
	return all
}

// embeddedBroker is the life of one broker of the embedded engine.
type embeddedBroker struct {
	cluster *Cluster
	gate    *gate
	node    int32
}

func (b *embeddedBroker) stop() error {
	if err := b.gate.shut(); err != nil {
		return err
	}
	return b.moveLeaders()
}

func (b *embeddedBroker) kill() error          { return b.stop() }
func (b *embeddedBroker) start() error         { return b.gate.open() }
func (b *embeddedBroker) pause() error         { return b.gate.pause(true) }
func (b *embeddedBroker) resume() error        { return b.gate.pause(false) }
func (b *embeddedBroker) upgrade(string) error { return errors.ErrUnsupported }
func (b *embeddedBroker) pid() int             { return os.Getpid() }

// moveLeaders makes the brokers that are up lead what this one led, as an election would.
func (b *embeddedBroker) moveLeaders() error {
	var others []*Broker
	for _, other := range b.cluster.Brokers {
		if other.Node != b.node && other.life.(*embeddedBroker).gate.isOpen() {
			others = append(others, other)
		}
	}
	if len(others) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := kgo.NewClient(append(b.cluster.ClientOptions(""), kgo.SeedBrokers(others[0].Address))...)
	if err != nil {
		return err
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopicsWithInternal(ctx)
	if err != nil {
		return fmt.Errorf("find what it led: %w", err)
	}
	for _, topic := range topics.Sorted() {
		for n, partition := range topic.Partitions.Sorted() {
			if partition.Leader != b.node {
				continue
			}
			if err := b.cluster.Embedded.MoveTopicPartition(topic.Topic, partition.Partition, others[n%len(others)].Node); err != nil {
				return err
			}
		}
	}
	return nil
}

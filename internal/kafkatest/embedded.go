package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// openEmbedded starts the embedded engine with a gate before each broker: the engine itself is one process whose
// brokers cannot fail, so a broker that is down is one that nobody reaches and that leads nothing, and so is one that
// has been frozen for sessionTimeout. What the engine does not do is move coordinators and the controller away from it,
// nor leave it out of metadata: groups and transactions that it coordinates wait until it is back.
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
		for _, b := range c.Brokers {
			_ = b.life.(*embeddedBroker).found() // moving leaders fails where nobody listens any more
		}
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
	frozen  *frozen // nil while it is not
}

// frozen is a broker that is missed when the timer fires; err is of moving its leaders, once done is closed.
type frozen struct {
	timer *time.Timer
	done  chan struct{}
	err   error
}

func (b *embeddedBroker) stop() error {
	if err := b.found(); err != nil {
		return err
	}
	if err := b.gate.shut(); err != nil {
		return err
	}
	return b.moveLeaders()
}

func (b *embeddedBroker) kill() error          { return b.stop() }
func (b *embeddedBroker) start() error         { return b.gate.open() }
func (b *embeddedBroker) upgrade(string) error { return errors.ErrUnsupported }
func (b *embeddedBroker) replaceDisk() error   { return errors.ErrUnsupported }
func (b *embeddedBroker) pid() int             { return os.Getpid() }

func (b *embeddedBroker) pause() error {
	if b.frozen != nil {
		return nil
	}
	f := &frozen{done: make(chan struct{})}
	f.timer = time.AfterFunc(sessionTimeout, func() {
		defer close(f.done)
		f.err = b.moveLeaders()
	})
	b.frozen = f
	return b.gate.pause(true)
}

func (b *embeddedBroker) resume() error {
	err := b.found()
	return errors.Join(err, b.gate.pause(false))
}

// found ends the time after which a frozen broker is missed, or waits until its leaders have moved.
func (b *embeddedBroker) found() error {
	f := b.frozen
	if b.frozen = nil; f == nil || f.timer.Stop() {
		return nil
	}
	<-f.done
	return f.err
}

// moveLeaders makes the brokers that are up lead what this one led, as an election would.
func (b *embeddedBroker) moveLeaders() error {
	var others []*Broker
	for _, other := range b.cluster.Brokers {
		if other.Node != b.node && other.life.(*embeddedBroker).gate.serves() {
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

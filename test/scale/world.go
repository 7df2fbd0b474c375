package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

const (
	physicalCluster = "pkc-scale0"
	environment     = "env-scale0"
	topicTenants    = "_orrery_tenants"
	topicGateways   = "_orrery_gateways"
	topicACLs       = "_orrery_acls"

	topicsEach = 10
	groupsEach = 1
	heapMiB    = 1024 // of Apache Kafka
)

// The principals of the gateways.
var (
	tenantsLogin = job.Login{User: "tenants", Password: "tenants-secret"}
	controlLogin = job.Login{User: "control", Password: "control-secret"}
)

// world is one broker with tenants, and the gateway in front of it.
type world struct {
	kafka   *kafkatest.Cluster
	client  *kgo.Client // the superuser's
	gateway *child
	tls     *tls.Config
	tenants []tenant
}

type tenant struct {
	id  string
	key apiKey
}

type apiKey struct{ id, secret string }

// contents say what is in a world.
type contents struct {
	engine  kafkatest.Engine
	tenants int
	// keys is how many API keys each tenant has. All have the same secret: to make verifiers takes milliseconds.
	keys           int
	topics, groups int // of each tenant
}

func (b *bench) openWorld(ctx context.Context, c contents) (*world, error) {
	w := &world{}
	if err := w.open(ctx, b.dir, c); err != nil {
		return nil, errors.Join(err, w.close())
	}
	b.say("%d tenants with %d topics and %d groups each on the engine %s; the gateway was ready after %v, of which %v CPU time",
		c.tenants, c.topics, c.groups, c.engine, w.gateway.Ready.Round(time.Millisecond), w.gateway.CPU.Round(time.Millisecond))
	return w, nil
}

func (w *world) open(ctx context.Context, dir string, c contents) (err error) {
	options := kafkatest.Options{Engine: []kfake.Opt{kfake.DefaultNumPartitions(1)}}
	if c.engine == kafkatest.Apache {
		options = kafkatest.Options{HeapMiB: heapMiB, Optimized: true, Users: []kafkatest.User{
			user(tenantsLogin, tenancy.TenantsACLs()), user(controlLogin, tenancy.GatewayACLs()),
		}}
	}
	if w.kafka, err = kafkatest.Open(c.engine, options); err != nil {
		return err
	}
	if w.client, err = kgo.NewClient(append(w.kafka.ClientOptions(""), kgo.DefaultProduceTopic(topicTenants), kgo.MetadataMinAge(20*time.Millisecond))...); err != nil {
		return err
	}
	admin := kadm.NewClient(w.client)
	if err := create(ctx, admin, topicTenants, topicGateways, topicACLs); err != nil {
		return err
	}
	if err := w.writeTenants(ctx, c); err != nil {
		return err
	}
	if err := w.fill(ctx, admin, c); err != nil {
		return fmt.Errorf("%w\n%s", err, w.kafka.Logs())
	}
	return w.openGateway(ctx, dir, c)
}

func user(login job.Login, acls []tenancy.PrincipalACL) kafkatest.User {
	u := kafkatest.User{Name: login.User, Password: login.Password}
	for _, a := range acls {
		u.ACLs = append(u.ACLs, kafkatest.ACL(a))
	}
	return u
}

func create(ctx context.Context, admin *kadm.Client, topics ...string) error {
	created, err := admin.CreateTopics(ctx, 1, 1, nil, topics...)
	if err = errors.Join(err, created.Error()); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	return nil
}

// writeTenants writes the tenants with their keys and bindings, as a satellite does.
func (w *world) writeTenants(ctx context.Context, c contents) error {
	secret, err := orrery.NewSecret(rand.Reader)
	if err != nil {
		return err
	}
	verifiers, err := orrery.NewVerifiers(rand.Reader, secret)
	if err != nil {
		return err
	}
	var records []*kgo.Record
	add := func(kind, id string, content any) {
		record, invalid := stateRecord(kind, id, content)
		err = errors.Join(err, invalid)
		records = append(records, record)
	}
	for i := range c.tenants {
		id, organization := fmt.Sprintf("lkc-%06x", i*7919%(1<<24)), fmt.Sprintf("org-%06d", i) // spread over the names
		add(tenancy.StateTenant, id, tenancy.Tenant{
			PhysicalClusterID: physicalCluster, LogicalClusterID: id, OrganizationID: organization, EnvironmentID: environment,
			Type: orrery.TypeBasic, MaxPartitions: 1000, ReplicationFactor: 1,
		})
		add(tenancy.StateBinding, "rb-"+id, tenancy.Binding{
			PhysicalClusterID: physicalCluster, RoleBindingID: "rb-" + id, Principal: "User:u-" + id, RoleName: orrery.RoleCloudClusterAdmin,
			CRNPattern: orrery.CloudClusterCRN(organization, environment, id).String(),
		})
		var key string
		for n := range c.keys {
			key = fmt.Sprintf("KEY%07d%06d", n, i)
			add(tenancy.StateCredential, key, tenancy.Credential{
				PhysicalClusterID: physicalCluster, APIKeyID: key, OrganizationID: organization, LogicalClusterID: id, OwnerID: "u-" + id, Verifiers: verifiers,
			})
		}
		w.tenants = append(w.tenants, tenant{id, apiKey{key, secret}})
	}
	if err != nil {
		return err
	}
	return w.client.ProduceSync(ctx, records...).FirstErr()
}

func stateRecord(kind, id string, content any) (*kgo.Record, error) {
	encoded, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Hash: orrery.Hash(encoded), Content: encoded})
	return &kgo.Record{Key: []byte(tenancy.StateKey(kind, id)), Value: value}, err
}

// fill makes the tenants' topics and groups, behind the gateway's back because that is quicker.
func (w *world) fill(ctx context.Context, admin *kadm.Client, c contents) error {
	// Apache Kafka makes the topic of its groups when the first is asked for, which takes it long beside thousands.
	if err := eventually(ctx, func() error { return admin.FindGroupCoordinators(ctx, "first").Error() }); err != nil {
		return fmt.Errorf("finding a coordinator: %w", err)
	}
	const batch = 20 // tenants
	for first := 0; first < len(w.tenants) && c.topics > 0; first += batch {
		var topics []string
		for _, t := range w.tenants[first:min(first+batch, len(w.tenants))] {
			for n := range c.topics {
				topics = append(topics, t.physical(topicName(n)))
			}
		}
		if err := create(ctx, admin, topics...); err != nil {
			return err
		}
	}
	var working errgroup.Group
	working.SetLimit(8)
	for _, t := range w.tenants {
		working.Go(func() error {
			for n := range c.groups {
				var offsets kadm.Offsets
				offsets.Add(kadm.Offset{Topic: t.physical(topicName(0)), At: 0, LeaderEpoch: -1})
				if err := eventually(ctx, func() error { return admin.CommitAllOffsets(ctx, t.physical(groupName(n)), offsets) }); err != nil {
					return fmt.Errorf("making a group: %w", err)
				}
			}
			return nil
		})
	}
	return working.Wait()
}

func topicName(n int) string { return fmt.Sprint("topic-", n) }
func groupName(n int) string { return fmt.Sprint("group-", n) }

func (t tenant) physical(name string) string { return tenancy.PrefixOf(t.id).Physical(name) }

// openGateway starts the gateway, and writes its address into the state once it has one.
func (w *world) openGateway(ctx context.Context, dir string, c contents) error {
	authority, err := pki.OpenRoot(filepath.Join(dir, "ca"), time.Now())
	if err != nil {
		return err
	}
	w.tls = &tls.Config{RootCAs: authority.Root(), MinVersion: tls.VersionTLS12}
	certificate, err := authority.Issue("scale", pki.Loopback(), time.Now())
	if err != nil {
		return err
	}
	if w.gateway, err = startChild(ctx, order{
		Chain: certificate.ChainPEM(), Key: certificate.KeyPEM(), Broker: w.kafka.Brokers[0].LoginAddress,
		Embedded: c.engine == kafkatest.Embedded, Tenants: tenantsLogin, Control: controlLogin,
	}); err != nil {
		return err
	}
	host, text, err := net.SplitHostPort(w.gateway.Address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return err
	}
	record, err := stateRecord(tenancy.StateEndpoints, physicalCluster,
		orrery.Endpoints{Bootstrap: w.gateway.Address, Brokers: []orrery.BrokerEndpoint{{Host: host, Port: int32(port)}}})
	if err == nil {
		err = w.client.ProduceSync(ctx, record).FirstErr()
	}
	if err != nil {
		return err
	}
	return w.await(ctx, int32(port))
}

// await waits until the gateway names itself.
func (w *world) await(ctx context.Context, port int32) error {
	client, err := w.connect(ctx, w.tenants[0])
	if err != nil {
		return err
	}
	defer client.close()
	return eventually(ctx, func() error {
		request := kmsg.NewPtrMetadataRequest()
		request.Version, request.Topics = 12, []kmsg.MetadataRequestTopic{}
		response, err := client.ask(request)
		if err != nil {
			return err
		}
		if brokers := response.(*kmsg.MetadataResponse).Brokers; len(brokers) != 1 || brokers[0].Port != port {
			return fmt.Errorf("the gateway names the brokers %+v", brokers)
		}
		return nil
	})
}

// connect opens a connection of a tenant's and authenticates it.
func (w *world) connect(ctx context.Context, t tenant) (*wire, error) {
	client, err := open(ctx, w.gateway.Address, w.tls)
	if err != nil {
		return nil, err
	}
	if err := client.logIn(t.key); err != nil {
		return nil, errors.Join(err, client.close())
	}
	return client, nil
}

func (w *world) close() error {
	var errs []error
	if w.gateway != nil {
		errs = append(errs, w.gateway.end())
	}
	if w.client != nil {
		w.client.Close()
	}
	if w.kafka != nil {
		errs = append(errs, w.kafka.Close())
	}
	return errors.Join(errs...)
}

// patience is how long eventually tries.
const patience = 90 * time.Second

// eventually tries until there is no error.
func eventually(ctx context.Context, attempt func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %v", patience))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

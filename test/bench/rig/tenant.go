package rig

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

const (
	physicalCluster = "pkc-bench0"
	organization    = "11111111-1111-4111-8111-111111111111"
	environment     = "env-bench0"
	topicTenants    = "_orrery_tenants"
)

// name writes the gateway's address into the state.
func (r *Rig) name(ctx context.Context) error {
	host, text, err := net.SplitHostPort(r.Address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return err
	}
	endpoints := orrery.Endpoints{Bootstrap: r.Address, Brokers: []orrery.BrokerEndpoint{{Host: host, Port: int32(port)}}}
	return r.write(ctx, tenancy.StateEndpoints, physicalCluster, endpoints)
}

// Tenant writes a logical cluster of a type with its quotas (none is no limit), and an API key that may do everything in
// it, as a satellite does, and returns the key once the gateway lets it in.
func (r *Rig) Tenant(ctx context.Context, logicalCluster, kind string, quotas orrery.Quotas) (job.Login, error) {
	id, err := orrery.NewAPIKeyID(rand.Reader)
	if err != nil {
		return job.Login{}, err
	}
	secret, err := orrery.NewSecret(rand.Reader)
	if err != nil {
		return job.Login{}, err
	}
	verifiers, err := orrery.NewVerifiers(rand.Reader, secret)
	if err != nil {
		return job.Login{}, err
	}
	owner := "u-" + logicalCluster
	state := []struct {
		kind, id string
		content  any
	}{
		{tenancy.StateTenant, logicalCluster, tenancy.Tenant{
			PhysicalClusterID: physicalCluster, LogicalClusterID: logicalCluster, OrganizationID: organization, EnvironmentID: environment,
			Type: kind, MaxPartitions: 1000, ReplicationFactor: 1, Quotas: quotas,
		}},
		{tenancy.StateBinding, "rb-" + logicalCluster, tenancy.Binding{
			PhysicalClusterID: physicalCluster, RoleBindingID: "rb-" + logicalCluster, Principal: "User:" + owner, RoleName: orrery.RoleCloudClusterAdmin,
			CRNPattern: orrery.CloudClusterCRN(organization, environment, logicalCluster).String(),
		}},
		{tenancy.StateCredential, id, tenancy.Credential{
			PhysicalClusterID: physicalCluster, APIKeyID: id, OrganizationID: organization, LogicalClusterID: logicalCluster, OwnerID: owner, Verifiers: verifiers,
		}},
	}
	for _, s := range state {
		if err := r.write(ctx, s.kind, s.id, s.content); err != nil {
			return job.Login{}, err
		}
	}
	key := job.Login{User: id, Password: secret}
	return key, r.awaitTenant(ctx, key)
}

func (r *Rig) write(ctx context.Context, kind, id string, content any) error {
	encoded, err := json.Marshal(content)
	if err != nil {
		return err
	}
	value, err := json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Hash: orrery.Hash(encoded), Content: encoded})
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: topicTenants, Key: []byte(tenancy.StateKey(kind, id)), Value: value}
	if err := r.Client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("writing %s/%s: %w", kind, id, err)
	}
	return nil
}

// awaitTenant waits until a client with the key is served and told the gateway's address.
func (r *Rig) awaitTenant(ctx context.Context, key job.Login) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Address), kgo.DialTLSConfig(r.clientTLS()), kgo.RequestRetries(0), kgo.MetadataMinAge(retry),
		kgo.SASL(plain.Auth{User: key.User, Pass: key.Password}.AsMechanism()))
	if err != nil {
		return err
	}
	defer client.Close()
	return Poll(ctx, func() error {
		metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		switch {
		case err != nil:
			return err
		case len(metadata.Brokers) != 1 || net.JoinHostPort(metadata.Brokers[0].Host, fmt.Sprint(metadata.Brokers[0].Port)) != r.Address:
			return fmt.Errorf("the gateway at %s names these brokers: %+v", r.Address, metadata.Brokers)
		}
		return nil
	})
}

// retry is between two attempts, patience bounds them.
const (
	retry    = 20 * time.Millisecond
	patience = time.Minute
)

// Poll tries until there is no error, for at most a minute.
func Poll(ctx context.Context, attempt func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("it took too long"))
	defer cancel()
	ticker := time.NewTicker(retry)
	defer ticker.Stop()
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

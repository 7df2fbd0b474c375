package speed

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

// The one tenant that the gateway serves.
const (
	physicalCluster = "pkc-bench0"
	logicalCluster  = "lkc-bench0"
	organization    = "11111111-1111-4111-8111-111111111111"
	environment     = "env-bench0"
	owner           = "u-bench0"
	topicTenants    = "_orrery_tenants"
)

// stateTopics are those that a physical cluster has before its gateways start.
var stateTopics = []string{topicTenants, "_orrery_gateways", "_orrery_acls"}

// createTenant writes the tenant, an API key that may do everything in it, and the gateway's address, as a satellite
// does, and returns the key once the gateway lets it in.
func (r *rig) createTenant(ctx context.Context, gateway string) (job.Login, error) {
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
	host, text, err := net.SplitHostPort(gateway)
	if err != nil {
		return job.Login{}, err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return job.Login{}, err
	}
	state := []struct {
		kind, id string
		content  any
	}{
		{tenancy.StateEndpoints, physicalCluster, orrery.Endpoints{Bootstrap: gateway, Brokers: []orrery.BrokerEndpoint{{Host: host, Port: int32(port)}}}},
		{tenancy.StateTenant, logicalCluster, tenancy.Tenant{
			PhysicalClusterID: physicalCluster, LogicalClusterID: logicalCluster, OrganizationID: organization, EnvironmentID: environment,
			Type: orrery.TypeDedicated, MaxPartitions: 1000, ReplicationFactor: 1,
		}},
		{tenancy.StateBinding, "rb-bench0", tenancy.Binding{
			PhysicalClusterID: physicalCluster, RoleBindingID: "rb-bench0", Principal: "User:" + owner, RoleName: orrery.RoleCloudClusterAdmin,
			CRNPattern: orrery.CloudClusterCRN(organization, environment, logicalCluster).String(),
		}},
		{tenancy.StateCredential, id, tenancy.Credential{
			PhysicalClusterID: physicalCluster, APIKeyID: id, OrganizationID: organization, LogicalClusterID: logicalCluster, OwnerID: owner, Verifiers: verifiers,
		}},
	}
	for _, s := range state {
		if err := r.writeState(ctx, s.kind, s.id, s.content); err != nil {
			return job.Login{}, fmt.Errorf("writing %s/%s: %w", s.kind, s.id, err)
		}
	}
	key := job.Login{User: id, Password: secret}
	return key, r.awaitTenant(ctx, gateway, key)
}

func (r *rig) writeState(ctx context.Context, kind, id string, content any) error {
	encoded, err := json.Marshal(content)
	if err != nil {
		return err
	}
	value, err := json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Hash: orrery.Hash(encoded), Content: encoded})
	if err != nil {
		return err
	}
	return r.client.ProduceSync(ctx, &kgo.Record{Topic: topicTenants, Key: []byte(tenancy.StateKey(kind, id)), Value: value}).FirstErr()
}

// awaitTenant waits until a client with the key is served and told the gateway's address.
func (r *rig) awaitTenant(ctx context.Context, gateway string, key job.Login) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(gateway), kgo.DialTLSConfig(r.clientTLS()), kgo.RequestRetries(0), kgo.MetadataMinAge(retry),
		kgo.SASL(plain.Auth{User: key.User, Pass: key.Password}.AsMechanism()))
	if err != nil {
		return err
	}
	defer client.Close()
	return poll(ctx, func() error {
		metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		switch {
		case err != nil:
			return err
		case len(metadata.Brokers) != 1 || net.JoinHostPort(metadata.Brokers[0].Host, fmt.Sprint(metadata.Brokers[0].Port)) != gateway:
			return fmt.Errorf("the gateway at %s names these brokers: %+v", gateway, metadata.Brokers)
		}
		return nil
	})
}

// retry is between two attempts, patience bounds them.
const (
	retry    = 20 * time.Millisecond
	patience = time.Minute
)

// poll tries until there is no error, for as long as patience.
func poll(ctx context.Context, attempt func() error) error {
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

package satellite

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/prober"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/internal/watch"
)

// The tenant of probes, which nobody else can have or see: no identifier that is drawn looks like these.
const (
	probeOrganization = "orrery-probe"
	probeEnvironment  = orrery.PrefixEnvironment + "-probe"
	probeOwner        = orrery.PrefixServiceAccount + "-probe"
	probeKey          = "ORRERYPROBE00000"
)

// probing is what is remembered of the probes of one physical cluster. The key's secret is this process's own and is
// kept nowhere: each start of a satellite makes another one.
type probing struct {
	records []probeRecord // as they should be; made once
	secret  string
	hashes  map[string]string // of what was written last, while the tail does not show it yet
	// end is the offset in the state topic after the newest of the records; 0 while that is unknown.
	end int64
	// nodes have a topic since prepared; checked is when they were last looked at.
	nodes   []int32
	checked time.Time
}

type probeRecord struct {
	key, hash string
	content   json.RawMessage
}

// probeTopicsPeriod is how often the topics of probes are looked at where nothing points at them.
const probeTopicsPeriod = time.Minute

// probed reports whether a physical cluster is probed. Brokers of the embedded engine are not: they are one goroutine of
// one process, so none of them can be ill alone.
func (s *Satellite) probed(p *psc) bool {
	return s.config.Watch != nil && p.spec.Gateways && p.spec.Engine == orrery.EngineApache && !p.entry.Deleted
}

// probe sees that the tenant and the topics of probes are there, and has the watch look once every gateway knows them.
func (s *Satellite) probe(ctx context.Context, now time.Time, p *psc, state []brokers.Record) (next time.Time, err error) {
	next = now.Add(quiet)
	if !s.probed(p) {
		return next, nil
	}
	cluster, _ := p.operator.Cluster()
	if err := s.writeProbes(ctx, p, cluster, state); err != nil {
		return now.Add(firstWritePause), err
	}
	for _, g := range liveGateways(cluster, now) {
		if g.Applied < p.probing.end || p.probing.end == 0 {
			return now.Add(firstWritePause), nil
		}
	}
	endpoints := p.status.Endpoints
	nodes := make([]int32, 0, len(endpoints.Brokers))
	for _, b := range endpoints.Brokers {
		nodes = append(nodes, b.Node)
	}
	if due := p.probing.checked.Add(probeTopicsPeriod); now.Before(due) && slices.Equal(nodes, p.probing.nodes) {
		return due, nil
	}
	if err := cluster.PrepareProbeTopics(ctx, nodes); err != nil {
		return now.Add(firstWritePause), fmt.Errorf("satellite: preparing the probes of %s: %w", p.entry.ID, err)
	}
	p.probing.nodes, p.probing.checked = nodes, now
	w := watch.Cluster{User: probeKey, Password: p.probing.secret, Bootstrap: endpoints.Bootstrap}
	for _, b := range endpoints.Brokers {
		w.Targets = append(w.Targets, prober.Target{Node: b.Node, Address: net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), Topic: orrery.ProbeTopic(b.Node)})
	}
	s.config.Watch.Set(p.entry.ID, w)
	return now.Add(probeTopicsPeriod), nil
}

// writeProbes writes what the state topic does not have of the tenant of probes.
func (s *Satellite) writeProbes(ctx context.Context, p *psc, cluster brokers.Cluster, state []brokers.Record) error {
	if p.probing.records == nil {
		if err := p.probing.make(p); err != nil {
			return fmt.Errorf("satellite: making the tenant of probes of %s: %w", p.entry.ID, err)
		}
	}
	var batch []brokers.Record
	for _, r := range p.probing.records {
		var have tenancy.StateRecord
		existing, found := find(state, r.key)
		if found {
			_ = json.Unmarshal(existing.Value, &have) // a damaged one has no hash and is replaced
		}
		if have.Hash == r.hash && !have.Deleted {
			p.probing.end = max(p.probing.end, existing.Offset+1)
			continue
		}
		if p.probing.hashes[r.key] == r.hash {
			continue
		}
		value, err := json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Generation: have.Generation.Next(0), Hash: r.hash, Content: r.content})
		if err != nil {
			return fmt.Errorf("satellite: encoding %s: %w", r.key, err)
		}
		batch = append(batch, brokers.Record{Key: r.key, Value: value})
	}
	if len(batch) == 0 {
		return nil
	}
	end, err := cluster.WriteState(ctx, brokers.TopicTenants, batch)
	if err != nil {
		return fmt.Errorf("satellite: writing the tenant of probes of %s: %w", p.entry.ID, err)
	}
	p.probing.end = max(p.probing.end, end)
	for _, r := range p.probing.records {
		p.probing.hashes[r.key] = r.hash
	}
	return nil
}

// make makes the tenant, its key and what that may do: produce to and read from its own topics.
func (b *probing) make(p *psc) error {
	secret, err := orrery.NewSecret(rand.Reader)
	if err != nil {
		return err
	}
	verifiers, err := orrery.NewVerifiers(rand.Reader, secret)
	if err != nil {
		return err
	}
	id, topics := p.entry.ID, orrery.KafkaCRN(probeOrganization, probeEnvironment, orrery.ProbeCluster).With(orrery.CRNTopic, "*").String()
	contents := map[string]any{
		tenancy.StateKey(tenancy.StateTenant, orrery.ProbeCluster): tenancy.Tenant{
			PhysicalClusterID: id, LogicalClusterID: orrery.ProbeCluster, OrganizationID: probeOrganization, EnvironmentID: probeEnvironment,
			Type: orrery.TypeBasic, MaxPartitions: 1, ReplicationFactor: 1, Quotas: probeQuotas(),
		},
		tenancy.StateKey(tenancy.StateCredential, probeKey): tenancy.Credential{
			PhysicalClusterID: id, APIKeyID: probeKey, OrganizationID: probeOrganization, LogicalClusterID: orrery.ProbeCluster, OwnerID: probeOwner, Verifiers: verifiers,
		},
	}
	for _, role := range []string{orrery.RoleDeveloperRead, orrery.RoleDeveloperWrite} {
		binding := orrery.PrefixRoleBinding + "-probe-" + role
		contents[tenancy.StateKey(tenancy.StateBinding, binding)] = tenancy.Binding{
			PhysicalClusterID: id, RoleBindingID: binding, Principal: "User:" + probeOwner, RoleName: role, CRNPattern: topics,
		}
	}
	var records []probeRecord
	for key, content := range contents {
		encoded, err := json.Marshal(content)
		if err != nil {
			return err
		}
		canonical, err := orrery.CanonicalJSON(encoded)
		if err != nil {
			return err
		}
		records = append(records, probeRecord{key, orrery.Hash(canonical), canonical})
	}
	slices.SortFunc(records, func(a, b probeRecord) int { return len(a.key) - len(b.key) })
	*b = probing{records: records, secret: secret, hashes: map[string]string{}}
	return nil
}

// probeQuotas are far above what the probes of some hundred brokers need, and nothing that anybody else would miss.
func probeQuotas() orrery.Quotas {
	return orrery.Quotas{
		IngressBytesPerSecond: 1 << 20, EgressBytesPerSecond: 1 << 20, RequestsPerSecond: 1000, RequestMillisecondsPerSecond: 1000,
		Connections: 1000, ConnectionAttemptsPerSecond: 500, Partitions: 1, PartitionChangesPerFiveMinutes: 1, ProducerIDsPerHour: 1, Groups: 1, ACLs: 1,
	}
}

package gateway

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// auditRate is how many lines of the audit log a tenant may cause; what is above it is counted.
var auditRate = quota.Rate{Units: 20, Per: time.Second, Burst: 200}

// audits are the lines that each tenant may still cause. The zero value is ready.
type audits struct {
	mu       sync.Mutex
	byTenant map[string]*tenantAudits // by lkc-…; "" is who is not authenticated
}

type tenantAudits struct {
	budget    quota.Bucket
	unwritten int64
}

// admit reports whether a line may be written, and how many were not since the last one.
func (a *audits) admit(logicalClusterID string, now time.Time) (unwritten int64, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.byTenant[logicalClusterID]
	if t == nil {
		if a.byTenant == nil {
			a.byTenant = map[string]*tenantAudits{}
		}
		t = &tenantAudits{budget: quota.NewBucket(now.UnixNano(), auditRate)}
		a.byTenant[logicalClusterID] = t
	}
	if t.budget.Debt(now.UnixNano()) > 0 {
		t.unwritten++
		return 0, false
	}
	t.budget.Charge(now.UnixNano(), 1)
	unwritten, t.unwritten = t.unwritten, 0
	return unwritten, true
}

func (a *audits) forget(logicalClusterID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byTenant, logicalClusterID)
}

// isAdministrative reports whether an API changes something that is not records, offsets or a member's place in a
// group.
func isAdministrative(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.CreatePartitions, kmsg.DeleteRecords, kmsg.AlterConfigs, kmsg.IncrementalAlterConfigs,
		kmsg.CreateACLs, kmsg.DeleteACLs, kmsg.AlterClientQuotas, kmsg.AlterUserSCRAMCredentials, kmsg.DeleteGroups, kmsg.OffsetDelete,
		kmsg.AlterShareGroupOffsets, kmsg.DeleteShareGroupOffsets:
		return true
	}
	return false
}

// audited writes a line of the audit log, unless the tenant has had its share of them: then it is counted, and the
// next line says how many there were.
func (g *Gateway) audited(s *session, e Entry, allowed bool, times int64) {
	if g.config.Audit == nil {
		return
	}
	unwritten, ok := g.audits.admit(s.LogicalClusterID, g.config.Now())
	if !ok {
		return
	}
	decision := "denied"
	if allowed {
		decision = "allowed"
	}
	resource := e.Resource
	if e.ResourceType == orrery.CRNKafka {
		resource = s.LogicalClusterID
	}
	g.config.Audit.LogAttrs(context.Background(), slog.LevelInfo, "audit",
		slog.String("tenant", s.LogicalClusterID), slog.String("principal", e.Principal), slog.String("key", e.APIKeyID),
		slog.String("client", e.Client), slog.Int("node", int(g.config.Node)), slog.String("api", e.API),
		slog.String("resource_type", e.ResourceType), slog.String("resource", resource), slog.String("operation", e.Operation),
		slog.String("decision", decision), slog.String("rule", e.Rule), slog.String("error", e.Error), slog.String("reason", e.Reason),
		slog.Int64("times", times), slog.Int64("unwritten", unwritten))
}

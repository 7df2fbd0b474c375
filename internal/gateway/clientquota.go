package gateway

import (
	"fmt"
	"strings"

	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// clientQuotas are Kafka's client quotas of one logical cluster. They never change.
type clientQuotas struct {
	settings map[string]quota.Setting // by ID
	quotas   quota.ClientQuotas       // the same, by entity and key
}

// clientQuotasOf returns the client quotas of a logical cluster.
func (s *state) clientQuotasOf(logicalClusterID string) clientQuotas {
	quotas, _ := s.clientQuotas.get(logicalClusterID)
	return quotas
}

func (e *edition) applyClientQuota(cluster, id string, deleted bool, record tenancy.StateRecord) error {
	var setting quota.Setting
	if !deleted {
		var err error
		if setting, err = parse[quota.Setting](record); err != nil {
			return err
		}
		if setting.ID() != id {
			return fmt.Errorf("the client quota %s of %s is not the one that the key names", setting.Key, setting.Entity)
		}
	}
	settings, changed := e.changedClientQuotas[cluster]
	if !changed {
		settings = copied(e.clientQuotasOf(cluster).settings)
		e.changedClientQuotas[cluster] = settings
	}
	set(settings, id, setting, !deleted)
	return nil
}

// finishClientQuotas puts together those of the clusters for which something was changed.
func (e *edition) finishClientQuotas() {
	for id, settings := range e.changedClientQuotas {
		if len(settings) == 0 {
			e.clientQuotas.remove(id)
			continue
		}
		quotas := quota.ClientQuotas{}
		for _, s := range settings {
			if quotas[s.Entity] == nil {
				quotas[s.Entity] = map[string]float64{}
			}
			quotas[s.Entity][s.Key] = s.Value
		}
		e.clientQuotas.put(id, clientQuotas{settings, quotas})
	}
}

// enforceClientQuotas puts the client quotas that records were about into force, as the state has them now.
func (g *Gateway) enforceClientQuotas(records []stateRecord) {
	changed := map[string]struct{}{}
	for _, r := range records {
		if kind, rest, err := tenancy.ParseStateKey(r.key); err == nil && r.topic == topicACLs && kind == tenancy.StateClientQuota {
			id, _, _ := strings.Cut(rest, "/")
			changed[id] = struct{}{}
		}
	}
	st := g.state.Load()
	for id := range changed {
		g.quotas.setClients(id, st.clientQuotasOf(id).quotas)
	}
}

// configsFlags names an entity as Kafka's own command wants it.
func configsFlags(entity quota.Entity) (flags string) {
	for _, n := range entity.Names() {
		kind := "users"
		if n.Type == quota.EntityClientID {
			kind = "clients"
		}
		if n.Name == nil {
			flags += " --entity-type " + kind + " --entity-default"
		} else {
			flags += " --entity-type " + kind + " --entity-name " + shellQuoted(*n.Name)
		}
	}
	return flags
}

// shellQuoted makes a name one word for a shell.
func shellQuoted(name string) string {
	if strings.Trim(name, shellSafe) == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

const shellSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/"

package sim

import (
	"strconv"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
)

// platformEngineer is an administrator of the organization that runs the installation: the first who asks for a cluster.
var platformEngineer = mothership.Actor{OrganizationID: "org-1", PrincipalID: "u-1"}

// metaPlatform is where the mothership's store has which organization that is.
const metaPlatform = "platform-organization"

// operate asks for a change by hand of the physical cluster of a tenant.
func (w *World) operate(t *tenant, what string, change mothership.PhysicalClusterChange) {
	w.whenMade(t, func() {
		w.ask(what+" of "+t.name, func(m *mothership.Mothership) error {
			c, ok := w.logical(t.id)
			if !ok || c.PhysicalClusterID == "" {
				return nil
			}
			_, err := m.UpdatePhysicalCluster(w.ctx, platformEngineer, c.PhysicalClusterID, change)
			return err
		}, func(error) {})
	})
}

func setVersion(w *World, args []string) error {
	return ofTenant(func(w *World, t *tenant) {
		w.operate(t, "version "+args[1], mothership.PhysicalClusterChange{Version: &args[1]})
	})(w, args)
}

func setBrokers(w *World, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return orrery.Errorf(orrery.Invalid, "%q is not a number of brokers", args[1])
	}
	return ofTenant(func(w *World, t *tenant) {
		w.operate(t, "brokers "+args[1], mothership.PhysicalClusterChange{Brokers: &n})
	})(w, args)
}

func setPaused(paused bool) func(*World, *tenant) {
	return func(w *World, t *tenant) {
		w.operate(t, "pause "+strconv.FormatBool(paused), mothership.PhysicalClusterChange{Paused: &paused})
	}
}

func setCKU(w *World, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return orrery.Errorf(orrery.Invalid, "%q is not a number of CKU", args[1])
	}
	return ofTenant(func(w *World, t *tenant) { w.change(t, "cku "+args[1], mothership.ClusterChange{CKU: &n}) })(w, args)
}

func breakVersion(w *World, args []string) error {
	span, err := duration(args[1])
	if err != nil {
		return err
	}
	w.lasting(faultKey{what: "broken version"}, span, func(on bool) {
		w.brokenVersion = ""
		if on {
			w.brokenVersion = args[0]
		}
	})
	return nil
}

// takeBack leaves every physical cluster to its profile again: what was set by hand for a while is no state to converge to.
func (w *World) takeBack() {
	s := w.read()
	version, brokers, paused := "", 0, false
	for _, id := range s.psc {
		if s.pscs[id].Deleted {
			continue
		}
		w.ask("leaving "+id+" to its profile", func(m *mothership.Mothership) error {
			_, err := m.UpdatePhysicalCluster(w.ctx, platformEngineer, id, mothership.PhysicalClusterChange{Version: &version, Brokers: &brokers, Paused: &paused})
			if code := orrery.ErrorCode(err); code == orrery.Conflict || code == orrery.NotFound {
				return nil // it was deleted meanwhile
			}
			return err
		}, func(error) {})
	}
}

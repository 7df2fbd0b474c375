package mothership

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// settleServiceAccount forgets a deleted service account once none of its keys and bindings counts any more.
func (t *transaction) settleServiceAccount(id string) error {
	account, ok, err := find(t.ServiceAccounts(), id)
	if err != nil || !ok || account.State.Phase != orrery.PhaseDeleting {
		return err
	}
	waiting := ""
	err = each(t.APIKeys(), store.Where(store.OwnerID, id), func(k orrery.APIKey) error {
		if waiting == "" && !k.State.Applied {
			waiting = "waiting for its API key " + k.ID + " to go: " + k.State.Reason
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = each(t.RoleBindings(), store.Where(store.Principal, orrery.Principal(id)), func(b orrery.RoleBinding) error {
		if waiting == "" && !b.State.Applied {
			waiting = "waiting for its role binding " + b.ID + " to go: " + b.State.Reason
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case waiting == "":
		t.changed = true
		return t.ServiceAccounts().Delete(id)
	case account.State.Reason == waiting:
		return nil
	}
	account.State.Reason = waiting
	return t.ServiceAccounts().Put(account)
}

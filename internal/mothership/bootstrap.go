package mothership

import (
	"context"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Keys of the meta table.
const (
	metaPlatform    = "platform-organization" // the organization that runs the installation
	metaUser        = "bootstrap-user"
	metaEnvironment = "bootstrap-environment"
	metaKey         = "bootstrap-key/"   // + KEY: Bootstrap has made it once
	metaSaltSecret  = "salt-secret"      // what the salt keys of physical clusters are made from, in hex
	metaFloor       = "generation-floor" // the highest generation number of a desired record that is gone
)

// minSecret keeps an installation from starting with a secret that could be guessed, in characters.
const minSecret = 32

// Bootstrap makes the first organization, its user, who is OrganizationAdmin, an environment and a Cloud API key of
// that user. A later call with the same key changes nothing, so a key that was deleted does not come back; with
// another key, which the caller drew because it lost the first one, it makes that key for the same user: whoever
// calls has the installation in hand. A caller that keeps the key safe before it calls, and calls at every start
// with what it kept, survives a crash at any point.
func (m *Mothership) Bootstrap(ctx context.Context, in BootstrapInput) (out BootstrapResult, err error) {
	if err := checkBootstrap(in); err != nil {
		return out, err
	}
	verifiers, err := orrery.NewVerifiers(m.random, in.Secret) // outside the transaction: it is slow
	if err != nil {
		return out, err
	}
	err = m.commit(ctx, m.now(), func(t *transaction) error {
		organizationID, err := t.Meta(metaPlatform)
		if err != nil {
			return err
		}
		if organizationID == "" {
			out, err = t.bootstrap(in, verifiers)
			return err
		}
		out, err = t.bootstrapped(organizationID, in, verifiers)
		return err
	})
	return out, err
}

func checkBootstrap(in BootstrapInput) error {
	if err := orrery.CheckDisplayName("/organization", in.OrganizationName); err != nil {
		return err
	}
	if err := orrery.CheckDisplayName("/environment", in.EnvironmentName); err != nil {
		return err
	}
	if in.APIKeyID == "" || len(in.APIKeyID) > maxIDLength || len(in.Secret) < minSecret {
		return orrery.Errorf(orrery.Invalid, "the first API key needs an id, and a secret of at least %d characters", minSecret)
	}
	return nil
}

func (t *transaction) bootstrap(in BootstrapInput, verifiers orrery.Verifiers) (out BootstrapResult, err error) {
	usable := orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: t.now}
	organizationID, err := newID(t, t.Organizations(), orrery.NewOrganizationID)
	if err != nil {
		return out, err
	}
	userID, err := newID(t, t.Users(), prefixed(orrery.PrefixUser))
	if err != nil {
		return out, err
	}
	environmentID, err := newID(t, t.Environments(), prefixed(orrery.PrefixEnvironment))
	if err != nil {
		return out, err
	}
	bindingID, err := newID(t, t.RoleBindings(), prefixed(orrery.PrefixRoleBinding))
	if err != nil {
		return out, err
	}
	out = BootstrapResult{
		Organization: orrery.Organization{ID: organizationID, DisplayName: in.OrganizationName, CreatedAt: t.now, UpdatedAt: t.now},
		User:         orrery.User{ID: userID, OrganizationID: organizationID, Email: in.Email, FullName: in.FullName, CreatedAt: t.now, UpdatedAt: t.now},
		Environment:  orrery.Environment{ID: environmentID, OrganizationID: organizationID, DisplayName: in.EnvironmentName, CreatedAt: t.now, UpdatedAt: t.now},
		Created:      true, KeyWorks: true,
	}
	for _, put := range []func() error{
		func() error { return t.Organizations().Put(out.Organization) },
		func() error { return t.Users().Put(out.User) },
		func() error { return t.Environments().Put(out.Environment) },
		func() error {
			return t.RoleBindings().Put(orrery.RoleBinding{
				ID: bindingID, OrganizationID: organizationID, Principal: orrery.Principal(userID), RoleName: orrery.RoleOrganizationAdmin,
				CRNPattern: out.Organization.CRN().String(), State: usable, CreatedAt: t.now, UpdatedAt: t.now,
			})
		},
		func() error { return t.bootstrapKey(out.User, in, verifiers) },
		func() error { return t.SetMeta(metaPlatform, organizationID) },
		func() error { return t.SetMeta(metaUser, userID) },
		func() error { return t.SetMeta(metaEnvironment, environmentID) },
	} {
		if err := put(); err != nil {
			return BootstrapResult{}, err
		}
	}
	return out, nil
}

// bootstrapKey makes the administrator's key. It is usable at once here, and soon on the clusters that are there.
func (t *transaction) bootstrapKey(user orrery.User, in BootstrapInput, verifiers orrery.Verifiers) error {
	err := t.APIKeys().Put(orrery.APIKey{
		ID: in.APIKeyID, OrganizationID: user.OrganizationID, OwnerID: user.ID, ResourceKind: orrery.APIKeyCloud,
		DisplayName: "administrator", Verifiers: verifiers, State: orrery.Lifecycle{Phase: orrery.PhaseUsable, Since: t.now},
		CreatedAt: t.now, UpdatedAt: t.now,
	})
	if err != nil {
		return err
	}
	t.compose(composeAPIKey + in.APIKeyID)
	return t.SetMeta(metaKey+in.APIKeyID, "made")
}

// bootstrapped is what an earlier call made, and the key of this one where it is another.
func (t *transaction) bootstrapped(organizationID string, in BootstrapInput, verifiers orrery.Verifiers) (out BootstrapResult, err error) {
	if out.Organization, err = t.Organizations().Get(organizationID); err != nil {
		return out, err
	}
	userID, err := t.Meta(metaUser)
	if err != nil {
		return out, err
	}
	if out.User, err = t.Users().Get(userID); err != nil {
		return out, err
	}
	environmentID, err := t.Meta(metaEnvironment)
	if err != nil {
		return out, err
	}
	if out.Environment, _, err = find(t.Environments(), environmentID); err != nil {
		return out, err
	}
	key, ok, err := find(t.APIKeys(), in.APIKeyID)
	if err != nil {
		return out, err
	}
	made, err := t.Meta(metaKey + in.APIKeyID)
	if err != nil {
		return out, err
	}
	if !ok && made == "" {
		out.KeyWorks = true
		return out, t.bootstrapKey(out.User, in, verifiers)
	}
	out.KeyWorks = ok && key.State.Phase == orrery.PhaseUsable && key.Verifiers.Plain.Matches(in.Secret)
	return out, nil
}

// Authenticate checks a Cloud API key. A wrong, deleted or not yet usable key is Unauthenticated, and so is a
// cluster's key, with a text that says which one is needed.
func (m *Mothership) Authenticate(ctx context.Context, apiKeyID, secret string) (actor Actor, err error) {
	wrong := orrery.Errorf(orrery.Unauthenticated, "the API key or its secret is wrong, or the key was deleted")
	if strings.ContainsRune(apiKeyID, 0) {
		return Actor{}, wrong
	}
	err = m.store.View(ctx, func(tx store.Tx) error {
		key, ok, err := find(tx.APIKeys(), apiKeyID)
		switch {
		case err != nil:
			return err
		case !ok || key.State.Phase != orrery.PhaseUsable || !key.Verifiers.Plain.Matches(secret):
			return wrong
		case key.ResourceKind != orrery.APIKeyCloud:
			return orrery.Errorf(orrery.Unauthenticated, "the API key %s is for the cluster %s; this API needs a Cloud API key", key.ID, key.LogicalClusterID)
		}
		actor = Actor{OrganizationID: key.OrganizationID, PrincipalID: key.OwnerID, APIKeyID: key.ID}
		return nil
	})
	return actor, err
}

// pending is the state of a creation that is to be in force soon.
func (t *transaction) pending() orrery.Lifecycle {
	return orrery.Lifecycle{Phase: orrery.PhasePending, Since: t.now, Deadline: t.now.Add(creationTimeout), Reason: "waiting to be sent"}
}

// creationTimeout is how long a creation may take to be in force everywhere before it is withdrawn.
const creationTimeout = 10 * time.Second

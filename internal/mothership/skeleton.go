package mothership

import (
	"context"
	"errors"
	"time"

	"github.com/orrery-kafka/orrery"
)

var errSkeleton = errors.New("mothership: being written")

// New makes a mothership. It does nothing until a method is called; call Resync once before the loops.
func New(c Config) (*Mothership, error) { return nil, errSkeleton }

// Loops returns the loops, for the wiring to give each a goroutine, a timer and a nudge.
func (m *Mothership) Loops() []Loop { return nil }

// Resync queues everything for every loop: the rare full pass, due at start.
func (m *Mothership) Resync(ctx context.Context) error { return errSkeleton }

// PlaceStep decides where clusters go.
func (m *Mothership) PlaceStep(ctx context.Context, now time.Time) (time.Time, error) {
	return time.Time{}, errSkeleton
}

// ComposeStep recomputes queued desired records.
func (m *Mothership) ComposeStep(ctx context.Context, now time.Time) (time.Time, error) {
	return time.Time{}, errSkeleton
}

// PublishStep sends what was composed.
func (m *Mothership) PublishStep(ctx context.Context, now time.Time) (time.Time, error) {
	return time.Time{}, errSkeleton
}

// CollectStep takes in what satellites report. It must be run whenever a status arrived.
func (m *Mothership) CollectStep(ctx context.Context, now time.Time) (time.Time, error) {
	return time.Time{}, errSkeleton
}

// SettleStep ends waits: usable, withdrawn at the deadline, gone.
func (m *Mothership) SettleStep(ctx context.Context, now time.Time) (time.Time, error) {
	return time.Time{}, errSkeleton
}

// Bootstrap makes the first organization, its user, who is OrganizationAdmin, an environment and a Cloud API key of
// that user. A later call changes nothing, whatever it is called with.
func (m *Mothership) Bootstrap(ctx context.Context, in BootstrapInput) (BootstrapResult, error) {
	return BootstrapResult{}, errSkeleton
}

// Authenticate checks a Cloud API key. A wrong, deleted or not yet usable key is Unauthenticated, and so is a
// cluster's key, with a text that says which one is needed.
func (m *Mothership) Authenticate(ctx context.Context, apiKeyID, secret string) (Actor, error) {
	return Actor{}, errSkeleton
}

// Organization returns one organization.
func (m *Mothership) Organization(ctx context.Context, actor Actor, id string) (orrery.Organization, error) {
	return orrery.Organization{}, errSkeleton
}

// ListOrganizations lists the organizations that the actor may see: its own.
func (m *Mothership) ListOrganizations(ctx context.Context, actor Actor, page Page) (List[orrery.Organization], error) {
	return List[orrery.Organization]{}, errSkeleton
}

// UpdateOrganization changes the display name.
func (m *Mothership) UpdateOrganization(ctx context.Context, actor Actor, id string, displayName string) (orrery.Organization, error) {
	return orrery.Organization{}, errSkeleton
}

// User returns one user.
func (m *Mothership) User(ctx context.Context, actor Actor, id string) (orrery.User, error) {
	return orrery.User{}, errSkeleton
}

// ListUsers lists the users that the actor may see.
func (m *Mothership) ListUsers(ctx context.Context, actor Actor, page Page) (List[orrery.User], error) {
	return List[orrery.User]{}, errSkeleton
}

// CreateEnvironment makes an environment. A display name that is taken is a Conflict.
func (m *Mothership) CreateEnvironment(ctx context.Context, actor Actor, in EnvironmentInput) (orrery.Environment, error) {
	return orrery.Environment{}, errSkeleton
}

// Environment returns one environment.
func (m *Mothership) Environment(ctx context.Context, actor Actor, id string) (orrery.Environment, error) {
	return orrery.Environment{}, errSkeleton
}

// ListEnvironments lists the environments that the actor may see.
func (m *Mothership) ListEnvironments(ctx context.Context, actor Actor, page Page) (List[orrery.Environment], error) {
	return List[orrery.Environment]{}, errSkeleton
}

// UpdateEnvironment changes an environment.
func (m *Mothership) UpdateEnvironment(ctx context.Context, actor Actor, id string, change EnvironmentChange) (orrery.Environment, error) {
	return orrery.Environment{}, errSkeleton
}

// DeleteEnvironment removes an environment; one that holds clusters is a Conflict.
func (m *Mothership) DeleteEnvironment(ctx context.Context, actor Actor, id string) error {
	return errSkeleton
}

// CreateServiceAccount makes a service account. A display name that is taken is a Conflict.
func (m *Mothership) CreateServiceAccount(ctx context.Context, actor Actor, in ServiceAccountInput) (orrery.ServiceAccount, error) {
	return orrery.ServiceAccount{}, errSkeleton
}

// ServiceAccount returns one service account.
func (m *Mothership) ServiceAccount(ctx context.Context, actor Actor, id string) (orrery.ServiceAccount, error) {
	return orrery.ServiceAccount{}, errSkeleton
}

// ListServiceAccounts lists the service accounts that the actor may see; displayName "" means any.
func (m *Mothership) ListServiceAccounts(ctx context.Context, actor Actor, displayName string, page Page) (List[orrery.ServiceAccount], error) {
	return List[orrery.ServiceAccount]{}, errSkeleton
}

// UpdateServiceAccount changes the description.
func (m *Mothership) UpdateServiceAccount(ctx context.Context, actor Actor, id string, change ServiceAccountChange) (orrery.ServiceAccount, error) {
	return orrery.ServiceAccount{}, errSkeleton
}

// DeleteServiceAccount deletes a service account with its API keys and role bindings. The deletion is done once
// ServiceAccountState is Applied or NotFound; calling it again before that is no error.
func (m *Mothership) DeleteServiceAccount(ctx context.Context, actor Actor, id string) (orrery.Lifecycle, error) {
	return orrery.Lifecycle{}, errSkeleton
}

// ServiceAccountState returns how far a service account is: NotFound once it is gone. It authorizes nobody and is
// for the request that made the change.
func (m *Mothership) ServiceAccountState(ctx context.Context, id string) (orrery.Lifecycle, error) {
	return orrery.Lifecycle{}, errSkeleton
}

// CreateCluster asks for a logical Kafka cluster. It answers at once, in PhasePending.
func (m *Mothership) CreateCluster(ctx context.Context, actor Actor, in ClusterInput) (Cluster, error) {
	return Cluster{}, errSkeleton
}

// Cluster returns one logical cluster. environmentID, where not "", must be the cluster's.
func (m *Mothership) Cluster(ctx context.Context, actor Actor, environmentID, id string) (Cluster, error) {
	return Cluster{}, errSkeleton
}

// ListClusters lists the clusters of one environment that the actor may see.
func (m *Mothership) ListClusters(ctx context.Context, actor Actor, filter ClusterFilter, page Page) (List[Cluster], error) {
	return List[Cluster]{}, errSkeleton
}

// UpdateCluster changes a cluster. environmentID, where not "", must be the cluster's.
func (m *Mothership) UpdateCluster(ctx context.Context, actor Actor, environmentID, id string, change ClusterChange) (Cluster, error) {
	return Cluster{}, errSkeleton
}

// DeleteCluster deletes a cluster with its data, its API keys and the role bindings that name it alone; one with
// deletion protection is a Conflict. Done once ClusterState is Applied or NotFound; calling it again before that is no
// error.
func (m *Mothership) DeleteCluster(ctx context.Context, actor Actor, environmentID, id string) (orrery.Lifecycle, error) {
	return orrery.Lifecycle{}, errSkeleton
}

// ClusterState is like ServiceAccountState, for a cluster.
func (m *Mothership) ClusterState(ctx context.Context, id string) (orrery.Lifecycle, error) {
	return orrery.Lifecycle{}, errSkeleton
}

// CreateAPIKey makes an API key and returns its secret, which is kept nowhere. The key is often PhasePending: the caller waits for
// APIKeyState to be PhaseUsable; PhaseDeleting or NotFound means that it was withdrawn.
func (m *Mothership) CreateAPIKey(ctx context.Context, actor Actor, in APIKeyInput) (key orrery.APIKey, secret string, err error) {
	return orrery.APIKey{}, "", errSkeleton
}

// APIKey returns one API key, without its verifiers.
func (m *Mothership) APIKey(ctx context.Context, actor Actor, id string) (orrery.APIKey, error) {
	return orrery.APIKey{}, errSkeleton
}

// ListAPIKeys lists the keys that the actor may see, without verifiers.
func (m *Mothership) ListAPIKeys(ctx context.Context, actor Actor, filter APIKeyFilter, page Page) (List[orrery.APIKey], error) {
	return List[orrery.APIKey]{}, errSkeleton
}

// UpdateAPIKey changes display name and description.
func (m *Mothership) UpdateAPIKey(ctx context.Context, actor Actor, id string, change APIKeyChange) (orrery.APIKey, error) {
	return orrery.APIKey{}, errSkeleton
}

// DeleteAPIKey deletes a key. Done once APIKeyState is Applied or NotFound; calling it again before that is no error.
func (m *Mothership) DeleteAPIKey(ctx context.Context, actor Actor, id string) (orrery.Lifecycle, error) {
	return orrery.Lifecycle{}, errSkeleton
}

// APIKeyState is like ServiceAccountState, for an API key.
func (m *Mothership) APIKeyState(ctx context.Context, id string) (orrery.Lifecycle, error) {
	return orrery.Lifecycle{}, errSkeleton
}

// CreateRoleBinding gives a principal a role. Waiting is as for CreateAPIKey, with RoleBindingState.
func (m *Mothership) CreateRoleBinding(ctx context.Context, actor Actor, in RoleBindingInput) (orrery.RoleBinding, error) {
	return orrery.RoleBinding{}, errSkeleton
}

// RoleBinding returns one role binding.
func (m *Mothership) RoleBinding(ctx context.Context, actor Actor, id string) (orrery.RoleBinding, error) {
	return orrery.RoleBinding{}, errSkeleton
}

// ListRoleBindings lists the role bindings that the actor may see.
func (m *Mothership) ListRoleBindings(ctx context.Context, actor Actor, filter RoleBindingFilter, page Page) (List[orrery.RoleBinding], error) {
	return List[orrery.RoleBinding]{}, errSkeleton
}

// DeleteRoleBinding takes a role back, and returns the binding as it was, with its state. Done once RoleBindingState is Applied or NotFound; calling it
// again before that is no error. The last OrganizationAdmin of an organization is a Conflict.
func (m *Mothership) DeleteRoleBinding(ctx context.Context, actor Actor, id string) (orrery.RoleBinding, error) {
	return orrery.RoleBinding{}, errSkeleton
}

// RoleBindingState is like ServiceAccountState, for a role binding.
func (m *Mothership) RoleBindingState(ctx context.Context, id string) (orrery.Lifecycle, error) {
	return orrery.Lifecycle{}, errSkeleton
}

// Satellite returns one satellite.
func (m *Mothership) Satellite(ctx context.Context, actor Actor, id string) (orrery.Satellite, error) {
	return orrery.Satellite{}, errSkeleton
}

// ListSatellites lists the satellites.
func (m *Mothership) ListSatellites(ctx context.Context, actor Actor, page Page) (List[orrery.Satellite], error) {
	return List[orrery.Satellite]{}, errSkeleton
}

// PhysicalCluster returns one PSC.
func (m *Mothership) PhysicalCluster(ctx context.Context, actor Actor, id string) (PhysicalCluster, error) {
	return PhysicalCluster{}, errSkeleton
}

// ListPhysicalClusters lists the PSCs.
func (m *Mothership) ListPhysicalClusters(ctx context.Context, actor Actor, page Page) (List[PhysicalCluster], error) {
	return List[PhysicalCluster]{}, errSkeleton
}

// PlacementDecision returns why a logical cluster of the actor's organization is where it is.
func (m *Mothership) PlacementDecision(ctx context.Context, actor Actor, logicalClusterID string) (orrery.PlacementDecision, error) {
	return orrery.PlacementDecision{}, errSkeleton
}

// ListPlacementDecisions lists the decisions of the actor's organization.
func (m *Mothership) ListPlacementDecisions(ctx context.Context, actor Actor, page Page) (List[orrery.PlacementDecision], error) {
	return List[orrery.PlacementDecision]{}, errSkeleton
}

-- Each noun has one table: id, created_at in nanoseconds since 1970, the indexed fields that its declaration in
-- package store lists, and the row as JSON. A listing is by (created_at, id), so every index ends in them.

CREATE TABLE organizations (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX organizations_created_at ON organizations (created_at, id);

CREATE TABLE environments (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX environments_created_at ON environments (created_at, id);
CREATE INDEX environments_display_name ON environments (display_name, created_at, id);
CREATE INDEX environments_organization_id ON environments (organization_id, created_at, id);

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  organization_id TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX users_created_at ON users (created_at, id);
CREATE INDEX users_organization_id ON users (organization_id, created_at, id);

CREATE TABLE service_accounts (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX service_accounts_created_at ON service_accounts (created_at, id);
CREATE INDEX service_accounts_display_name ON service_accounts (display_name, created_at, id);
CREATE INDEX service_accounts_organization_id ON service_accounts (organization_id, created_at, id);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  logical_cluster_id TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  phase TEXT NOT NULL,
  resource_kind TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX api_keys_created_at ON api_keys (created_at, id);
CREATE INDEX api_keys_logical_cluster_id ON api_keys (logical_cluster_id, created_at, id);
CREATE INDEX api_keys_organization_id ON api_keys (organization_id, created_at, id);
CREATE INDEX api_keys_owner_id ON api_keys (owner_id, created_at, id);
CREATE INDEX api_keys_phase ON api_keys (phase, created_at, id);
CREATE INDEX api_keys_resource_kind ON api_keys (resource_kind, created_at, id);

CREATE TABLE role_bindings (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  organization_id TEXT NOT NULL,
  phase TEXT NOT NULL,
  principal TEXT NOT NULL,
  role_name TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX role_bindings_created_at ON role_bindings (created_at, id);
CREATE INDEX role_bindings_organization_id ON role_bindings (organization_id, created_at, id);
CREATE INDEX role_bindings_phase ON role_bindings (phase, created_at, id);
CREATE INDEX role_bindings_principal ON role_bindings (principal, created_at, id);
CREATE INDEX role_bindings_role_name ON role_bindings (role_name, created_at, id);

CREATE TABLE logical_clusters (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  environment_id TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  phase TEXT NOT NULL,
  physical_cluster_id TEXT NOT NULL,
  type TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX logical_clusters_created_at ON logical_clusters (created_at, id);
CREATE INDEX logical_clusters_display_name ON logical_clusters (display_name, created_at, id);
CREATE INDEX logical_clusters_environment_id ON logical_clusters (environment_id, created_at, id);
CREATE INDEX logical_clusters_organization_id ON logical_clusters (organization_id, created_at, id);
CREATE INDEX logical_clusters_phase ON logical_clusters (phase, created_at, id);
CREATE INDEX logical_clusters_physical_cluster_id ON logical_clusters (physical_cluster_id, created_at, id);
CREATE INDEX logical_clusters_type ON logical_clusters (type, created_at, id);

CREATE TABLE placement_decisions (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  organization_id TEXT NOT NULL,
  physical_cluster_id TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX placement_decisions_created_at ON placement_decisions (created_at, id);
CREATE INDEX placement_decisions_organization_id ON placement_decisions (organization_id, created_at, id);
CREATE INDEX placement_decisions_physical_cluster_id ON placement_decisions (physical_cluster_id, created_at, id);

CREATE TABLE pscs (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  satellite_id TEXT NOT NULL,
  type TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX pscs_created_at ON pscs (created_at, id);
CREATE INDEX pscs_satellite_id ON pscs (satellite_id, created_at, id);
CREATE INDEX pscs_type ON pscs (type, created_at, id);

CREATE TABLE satellites (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX satellites_created_at ON satellites (created_at, id);

CREATE TABLE desired (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  pending TEXT NOT NULL,
  satellite_id TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX desired_created_at ON desired (created_at, id);
CREATE INDEX desired_kind ON desired (kind, created_at, id);
CREATE INDEX desired_pending ON desired (pending, created_at, id);
CREATE INDEX desired_satellite_id ON desired (satellite_id, created_at, id);

-- The loops' sets of keys. Of those that are due at the same time, the one that was added first comes first.
CREATE TABLE queue (
  sequence INTEGER PRIMARY KEY,
  loop TEXT NOT NULL,
  key TEXT NOT NULL,
  due INTEGER NOT NULL,
  UNIQUE (loop, key)
) STRICT;
CREATE INDEX queue_due ON queue (loop, due, sequence);

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

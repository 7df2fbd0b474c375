CREATE TABLE identity_providers (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  phase TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX identity_providers_created_at ON identity_providers (created_at, id);
CREATE INDEX identity_providers_display_name ON identity_providers (display_name, created_at, id);
CREATE INDEX identity_providers_organization_id ON identity_providers (organization_id, created_at, id);
CREATE INDEX identity_providers_phase ON identity_providers (phase, created_at, id);

CREATE TABLE identity_pools (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  identity_provider_id TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  phase TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX identity_pools_created_at ON identity_pools (created_at, id);
CREATE INDEX identity_pools_display_name ON identity_pools (display_name, created_at, id);
CREATE INDEX identity_pools_identity_provider_id ON identity_pools (identity_provider_id, created_at, id);
CREATE INDEX identity_pools_organization_id ON identity_pools (organization_id, created_at, id);
CREATE INDEX identity_pools_phase ON identity_pools (phase, created_at, id);

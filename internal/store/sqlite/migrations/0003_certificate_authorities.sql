CREATE TABLE certificate_authorities (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  phase TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX certificate_authorities_created_at ON certificate_authorities (created_at, id);
CREATE INDEX certificate_authorities_display_name ON certificate_authorities (display_name, created_at, id);
CREATE INDEX certificate_authorities_organization_id ON certificate_authorities (organization_id, created_at, id);
CREATE INDEX certificate_authorities_phase ON certificate_authorities (phase, created_at, id);

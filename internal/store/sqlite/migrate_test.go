package sqlite

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// TestMigrationsMatchNouns compares the schema that the migrations make with what the nouns declare.
func TestMigrationsMatchNouns(t *testing.T) {
	want := map[string][]string{
		"queue": {"due INTEGER", "key TEXT", "loop TEXT", "sequence INTEGER"},
		"meta":  {"key TEXT", "value TEXT"},
	}
	declare(want, store.Organizations)
	declare(want, store.Environments)
	declare(want, store.Users)
	declare(want, store.ServiceAccounts)
	declare(want, store.APIKeys)
	declare(want, store.RoleBindings)
	declare(want, store.IdentityProviders)
	declare(want, store.IdentityPools)
	declare(want, store.CertificateAuthorities)
	declare(want, store.LogicalClusters)
	declare(want, store.PlacementDecisions)
	declare(want, store.PSCs)
	declare(want, store.Satellites)
	declare(want, store.Desired)

	s := mustOpen(t, t.TempDir())
	got := map[string][]string{}
	rows, err := s.database.Query("SELECT m.name, c.name || ' ' || c.type FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1, 2")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		got[table] = append(got[table], column)
	}
	if diff := cmp.Diff(want, got); diff != "" || rows.Err() != nil {
		t.Errorf("error %v; (-declared +migrated):\n%s", rows.Err(), diff)
	}
}

func declare[T any](want map[string][]string, noun store.Noun[T]) {
	columns := []string{"id TEXT", "created_at INTEGER", "document TEXT"}
	for _, field := range noun.Fields() {
		columns = append(columns, string(field)+" TEXT")
	}
	slices.Sort(columns)
	want[noun.Table] = columns
}

// TestListingsUseAnIndex explains the query of a page by each field: none sorts, none scans.
func TestListingsUseAnIndex(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	for _, field := range append(store.LogicalClusters.Fields(), "") {
		q := store.Query{After: store.Position{Created: 1, ID: "x"}.Cursor()}
		if field != "" {
			q.Where = map[store.Field]string{field: "x"}
		}
		selection, err := store.LogicalClusters.Select(q)
		if err != nil {
			t.Fatal(err)
		}
		text, arguments := table[orrery.LogicalCluster]{noun: store.LogicalClusters}.from(selection)
		rows, err := s.database.Query("EXPLAIN QUERY PLAN SELECT document"+text+" ORDER BY created_at, id", arguments...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var plan string
			if err := rows.Scan(&id, &parent, &unused, &plan); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("a page by %q: %s", field, plan)
			}
		}
		rows.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, directory string)
		code    orrery.Code
		message string
	}{
		"newer": {func(t *testing.T, d string) { mustOpen(t, d).Close(); execute(t, d, "PRAGMA user_version = 9999") },
			orrery.Conflict, "newer version of this program (schema 9999"},
		"database of another program": {func(t *testing.T, d string) { execute(t, d, "CREATE TABLE theirs (x)") },
			orrery.Conflict, "another program"},
		"not a database": {func(t *testing.T, d string) { write(t, d, strings.Repeat("not a database\n", 1000)) },
			orrery.Conflict, "not a database"},
		"damaged": {damage, orrery.Internal, "damaged"},
		"directory in place of the file": {func(t *testing.T, d string) {
			if err := os.Mkdir(filepath.Join(d, FileName), 0o700); err != nil {
				t.Fatal(err)
			}
		}, orrery.Invalid, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			test.prepare(t, directory)
			before := contents(t, directory)
			s, err := Open(t.Context(), directory)
			if err == nil {
				s.Close()
			}
			if orrery.ErrorCode(err) != test.code || !strings.Contains(err.Error(), test.message) || !strings.Contains(err.Error(), directory) {
				t.Errorf("Open: %v, want %s that says %q and names the directory", err, test.code, test.message)
			}
			if after := contents(t, directory); before != after {
				t.Error("refusing the file changed it")
			}
		})
	}
}

func TestOpenWithoutDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{file, filepath.Join(file+"s", "none")} {
		if _, err := Open(t.Context(), directory); orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), "not a directory") {
			t.Errorf("Open(%s): %v", directory, err)
		}
	}
}

// TestOpenReadOnly needs a user whom permissions bind; for root the file itself is opened read-only.
func TestOpenReadOnly(t *testing.T) {
	directory := t.TempDir()
	if os.Geteuid() != 0 {
		if err := os.Chmod(directory, 0o500); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), directory)
		wantReadOnly(t, directory, err)
		return
	}
	mustOpen(t, directory).Close()
	database, err := sql.Open("sqlite", "file:"+filepath.Join(directory, FileName)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	_, err = database.Exec("CREATE TABLE x (y)")
	wantReadOnly(t, directory, domainError(directory, err))
}

func wantReadOnly(t *testing.T, directory string, err error) {
	t.Helper()
	if orrery.ErrorCode(err) != orrery.Unavailable || !strings.Contains(err.Error(), "cannot be written") || !strings.Contains(err.Error(), directory) {
		t.Errorf("the error is %v", err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	directory := t.TempDir()
	mustOpen(t, directory)
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) == 0 {
		t.Fatalf("reading the directory: %v, %d entries", err, len(entries))
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", entry.Name(), info.Mode().Perm())
		}
	}
}

// TestStrangePath opens a directory whose name means something in a URI.
func TestStrangePath(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "a b?c#d%20é&mode=memory")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, directory)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.SetMeta("term", "1") }); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if info, err := os.Stat(filepath.Join(directory, FileName)); err != nil || info.Size() == 0 {
		t.Errorf("the file is not where it should be: %v", err)
	}
}

func mustOpen(t testing.TB, directory string) *Store {
	t.Helper()
	s, err := Open(t.Context(), directory)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func execute(t *testing.T, directory, statement string) {
	t.Helper()
	database, err := sql.Open("sqlite", filepath.Join(directory, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	if _, err := database.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, directory, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(directory, FileName), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// damage overwrites the first page of a real database behind its header.
func damage(t *testing.T, directory string) {
	mustOpen(t, directory).Close()
	content := []byte(contents(t, directory))
	for i := 100; i < 4096; i++ {
		content[i] = 0xff
	}
	write(t, directory, string(content))
}

func contents(t *testing.T, directory string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory, FileName))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

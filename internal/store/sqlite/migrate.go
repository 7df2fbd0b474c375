package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// migrations are NNNN_name.sql, numbered from 1 without a gap. One that was released never changes.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a database file as ours: "Orry".
const applicationID = 0x4f727279

// migrate applies the migrations behind version, each in its own transaction.
func migrate(ctx context.Context, c *connection, version int) error {
	names, err := migrationNames()
	if err != nil {
		return err
	}
	for i := version; i < len(names); i++ {
		if err := apply(ctx, c, names[i], i+1); err != nil {
			return fmt.Errorf("applying %s: %w", names[i], err)
		}
	}
	return nil
}

// migrationNames returns the files in order.
func migrationNames() ([]string, error) { return fs.Glob(migrations, "migrations/*.sql") }

// schemaVersion returns the number of the last migration that the file has, which is SQLite's user_version; 0 is an
// empty file. It refuses the file of another program and that of a newer version of this one.
func schemaVersion(ctx context.Context, c *connection, directory string) (int, error) {
	var application, version, objects int
	for _, read := range []struct {
		query  string
		target *int
	}{
		{"PRAGMA application_id", &application},
		{"PRAGMA user_version", &version},
		{"SELECT count(*) FROM sqlite_schema", &objects},
	} {
		if err := c.conn.QueryRowContext(ctx, read.query).Scan(read.target); err != nil {
			return 0, err
		}
	}
	names, err := migrationNames()
	switch {
	case err != nil:
		return 0, err
	case application != applicationID && (application != 0 || objects != 0):
		return 0, orrery.Errorf(orrery.Conflict, "%s in %s is the database of another program: is it the right directory?", FileName, directory)
	case version > len(names):
		return 0, orrery.Errorf(orrery.Conflict, "the state in %s was written by a newer version of this program (schema %d; this one knows up to %d): run that version, or restore a backup from before the upgrade",
			directory, version, len(names))
	}
	return version, nil
}

func apply(ctx context.Context, c *connection, name string, number int) error {
	if prefix, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_"); prefix != fmt.Sprintf("%04d", number) {
		return fmt.Errorf("it is migration number %d by order", number)
	}
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	script := "BEGIN IMMEDIATE;\n" + string(text) +
		"\nPRAGMA application_id = " + strconv.Itoa(applicationID) + ";\nPRAGMA user_version = " + strconv.Itoa(number) + ";\nCOMMIT;"
	if _, err := c.conn.ExecContext(ctx, script); err != nil {
		c.rollback(context.WithoutCancel(ctx))
		return err
	}
	return nil
}

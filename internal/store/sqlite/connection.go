package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// connection is one SQLite connection with its compiled statements. It is used by one transaction at a time.
type connection struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt // bounded by the shapes of query in this program
}

func newConnection(ctx context.Context, database *sql.DB, cacheKiB int, pragmas ...string) (*connection, error) {
	conn, err := database.Conn(ctx)
	if err != nil {
		return nil, err
	}
	pragmas = append(pragmas, fmt.Sprintf("busy_timeout = %d", busyMillis), fmt.Sprintf("cache_size = -%d", cacheKiB))
	for _, pragma := range pragmas {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return &connection{conn: conn, statements: map[string]*sql.Stmt{}}, nil
}

// enableLog switches the file to a write-ahead log that is synchronized at every commit.
func (c *connection) enableLog(ctx context.Context) error {
	var mode string
	if err := c.conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not support a write-ahead log (journal mode %q): use a local disk", mode)
	}
	_, err := c.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = %d", maxLogBytes))
	return err
}

func (c *connection) close() error {
	var errs []error
	for _, statement := range c.statements {
		errs = append(errs, statement.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

// prepare compiles a statement, once for each text.
func (c *connection) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if statement, ok := c.statements[text]; ok {
		return statement, nil
	}
	statement, err := c.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.statements[text] = statement
	return statement, nil
}

func (c *connection) exec(ctx context.Context, text string, arguments ...any) error {
	statement, err := c.prepare(ctx, text)
	if err != nil {
		return err
	}
	_, err = statement.ExecContext(ctx, arguments...)
	return err
}

// scan runs a query of at most one row and reads its columns into targets; sql.ErrNoRows where there is none.
func (c *connection) scan(ctx context.Context, text string, arguments []any, targets ...any) error {
	statement, err := c.prepare(ctx, text)
	if err != nil {
		return err
	}
	return statement.QueryRowContext(ctx, arguments...).Scan(targets...)
}

// each runs a query and calls visit for every row.
func (c *connection) each(ctx context.Context, text string, arguments []any, visit func(*sql.Rows) error) error {
	statement, err := c.prepare(ctx, text)
	if err != nil {
		return err
	}
	rows, err := statement.QueryContext(ctx, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// rollback ends a transaction that did not commit. SQLite may have ended it by itself (a full disk, an I/O error);
// then it says that there is none, which is what is wanted. A transaction that cannot be ended shows at the next
// BEGIN.
func (c *connection) rollback(ctx context.Context) {
	_ = c.exec(ctx, "ROLLBACK")
}

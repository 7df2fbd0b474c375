// Package sqlite keeps the control plane's state in one SQLite file: the default of a control plane that is one
// process.
//
// A commit is on the disk when Update returns (write-ahead log, synchronous=FULL). One connection writes; a few
// read, each on a snapshot, and neither waits for the other. Rows are JSON documents beside their indexed fields;
// the schema comes from numbered migrations. Only one process may use a file, which its owner ensures with a lock.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite", pure Go

	"github.com/orrery-kafka/orrery/internal/store"
)

// FileName is the name of the database in the directory that Open is given. SQLite keeps two more files beside it
// while it is open.
const FileName = "orrery.db"

const (
	readers        = 3
	writerCacheKiB = 2048
	readerCacheKiB = 512
	busyMillis     = 5000     // for another program that looks into the file, such as a backup
	maxLogBytes    = 16 << 20 // what the write-ahead log is cut down to after a checkpoint
)

// Store is a store.Store in a file.
type Store struct {
	directory string
	database  *sql.DB
	writer    chan *connection // holds the connection that writes, while no transaction has it
	readers   chan *connection
	closed    chan struct{}
	closing   sync.Once
	closeErr  error
}

var _ store.Store = (*Store)(nil)

// Open opens the database in a directory, making it where there is none, and brings its schema up to date. Only its
// owner may read the file: it holds verifiers of secrets.
func Open(ctx context.Context, directory string) (*Store, error) {
	path, err := filepath.Abs(filepath.Join(directory, FileName))
	if err != nil {
		return nil, fmt.Errorf("finding the store's file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, domainError(directory, err)
	}
	if err := file.Close(); err != nil {
		return nil, domainError(directory, err)
	}
	database, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		return nil, domainError(directory, err)
	}
	s := &Store{
		directory: directory,
		database:  database,
		writer:    make(chan *connection, 1),
		readers:   make(chan *connection, readers),
		closed:    make(chan struct{}),
	}
	if err := s.connect(ctx); err != nil {
		s.disconnect()
		return nil, domainError(directory, err)
	}
	return s, nil
}

// connect opens the writer, migrates with it, and then opens the readers.
func (s *Store) connect(ctx context.Context) error {
	writer, err := newConnection(ctx, s.database, writerCacheKiB)
	if err != nil {
		return err
	}
	s.writer <- writer
	version, err := schemaVersion(ctx, writer, s.directory) // before anything in the file changes: it may not be ours
	if err != nil {
		return err
	}
	if err := writer.enableLog(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, writer, version); err != nil {
		return err
	}
	for range readers {
		reader, err := newConnection(ctx, s.database, readerCacheKiB, "query_only = ON")
		if err != nil {
			return err
		}
		s.readers <- reader
	}
	return nil
}

// View implements store.Store. At most a few run at once; more wait.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	return s.transact(ctx, s.readers, false, f)
}

// Update implements store.Store. Updates run one after another.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	return s.transact(ctx, s.writer, true, f)
}

// transact runs f in a transaction on a connection of pool. The context ends the wait for a connection and every
// statement of f, but not the commit: that either happened or did not, and the caller learns which.
func (s *Store) transact(ctx context.Context, pool chan *connection, writable bool, f func(store.Tx) error) (err error) {
	c, err := s.take(ctx, pool)
	if err != nil {
		return err
	}
	defer func() { pool <- c }()
	begin, finish := "BEGIN", "ROLLBACK"
	if writable {
		begin, finish = "BEGIN IMMEDIATE", "COMMIT"
	}
	lasting := context.WithoutCancel(ctx)
	if err := c.exec(lasting, begin); err != nil {
		return domainError(s.directory, err)
	}
	t := &tx{ctx: ctx, connection: c, writable: writable, directory: s.directory}
	committed := false
	defer func() { // also where f panics
		t.ended = true
		if !committed {
			c.rollback(lasting)
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.exec(lasting, finish); err != nil {
		return domainError(s.directory, err)
	}
	committed = true
	return nil
}

// take waits for a connection of pool.
func (s *Store) take(ctx context.Context, pool chan *connection) (*connection, error) {
	select { // a closed store has no connection, and a context that has ended gets none
	case <-s.closed:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	default:
	}
	select {
	case c := <-pool:
		return c, nil
	case <-s.closed:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close waits for the transactions that are running, folds the write-ahead log into the file and closes it.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		var errs []error
		for range readers {
			errs = append(errs, (<-s.readers).close())
		}
		errs = append(errs, (<-s.writer).close(), s.database.Close())
		s.closeErr = domainError(s.directory, errors.Join(errs...))
	})
	return s.closeErr
}

// disconnect closes what was opened of a store that could not be. Why it could not is the error that counts.
func (s *Store) disconnect() {
	for _, pool := range []chan *connection{s.readers, s.writer} {
		for len(pool) > 0 {
			(<-pool).close()
		}
	}
	s.database.Close()
}

package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	result "modernc.org/sqlite/lib"

	"github.com/orrery-kafka/orrery"
)

// domainError is the only place where what the driver or the operating system says becomes an error of the domain.
// Errors that are one already, and those of a context, stay as they are.
func domainError(directory string, err error) error {
	var domain *orrery.Error
	var driver *sqlite.Error
	switch {
	case err == nil, errors.As(err, &domain), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &driver):
		return driverError(directory, driver.Code(), err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return full(directory, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return readOnly(directory, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return withCause(orrery.Errorf(orrery.Invalid, "%s is not a directory: create it, or name another", directory), err)
	case errors.Is(err, syscall.EISDIR):
		return withCause(orrery.Errorf(orrery.Invalid, "%s in %s is a directory and should be a file: is it the right directory?", FileName, directory), err)
	default:
		return withCause(orrery.Errorf(orrery.Internal, "the store in %s failed", directory), err)
	}
}

// driverError translates an (extended) result code of SQLite.
func driverError(directory string, code int, err error) error {
	const primary = 0xff
	switch code {
	case result.SQLITE_IOERR_SHMSIZE: // the file's index could not grow
		return full(directory, err)
	}
	switch code & primary {
	case result.SQLITE_FULL:
		return full(directory, err)
	case result.SQLITE_READONLY, result.SQLITE_CANTOPEN, result.SQLITE_PERM:
		return readOnly(directory, err)
	case result.SQLITE_NOTADB:
		return withCause(orrery.Errorf(orrery.Conflict, "%s in %s is not a database: is it the right directory? If it is, restore a backup", FileName, directory), err)
	case result.SQLITE_CORRUPT:
		return withCause(orrery.Errorf(orrery.Internal, "%s in %s is damaged: stop the server and restore a backup", FileName, directory), err)
	case result.SQLITE_IOERR:
		return withCause(orrery.Errorf(orrery.Unavailable, "the disk of %s failed to read or write: check it and retry", directory), err)
	case result.SQLITE_BUSY, result.SQLITE_LOCKED:
		return withCause(orrery.Errorf(orrery.Unavailable, "another program holds %s in %s: end it and retry", FileName, directory), err)
	case result.SQLITE_INTERRUPT:
		return context.Canceled
	default:
		return withCause(orrery.Errorf(orrery.Internal, "the store in %s failed", directory), err)
	}
}

func full(directory string, err error) error {
	return withCause(orrery.Errorf(orrery.Unavailable, "the disk of %s is full: free space and retry; nothing was lost", directory), err)
}

func readOnly(directory string, err error) error {
	return withCause(orrery.Errorf(orrery.Unavailable, "%s in %s cannot be written: check the permissions of the directory and the file, and that the disk is not mounted read-only", FileName, directory), err)
}

func withCause(e *orrery.Error, cause error) error {
	e.Err = cause
	return e
}

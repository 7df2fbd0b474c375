package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// format is the layout of a data directory. A program refuses a directory of another format; it never converts
// one without being asked.
const format = 1

// directory is a data directory that this process has to itself.
//
//	DIR/orrery.json      format of the directory and what was chosen once: ids, the API's ports
//	DIR/lock             held while a server runs; holds its process id
//	DIR/admin.env        the admin key, 0600
//	DIR/pki/             certificate authority
//	DIR/mothership/      the store
//	DIR/satellite/       the ledger, and PSCs that need no link
//	DIR/clusters/ID/     addresses and data of a physical cluster
type directory struct {
	path string
	lock *os.File
	// choices is what was chosen once, at the first start.
	choices choices
}

// choices is the content of orrery.json.
type choices struct {
	Format int `json:"format"`
	// Role is what the directory is of; "" is a server.
	Role        string `json:"role,omitempty"`
	SatelliteID string `json:"satellite_id,omitempty"`
	// Engine is orrery.EngineEmbedded or orrery.EngineApache; empty where the directory is older than the choice.
	Engine string `json:"engine,omitempty"`
	// APIPort and TLSPort are the ports that port 0 of --listen and --tls-listen became.
	APIPort int `json:"api_port,omitempty"`
	TLSPort int `json:"tls_port,omitempty"`
	// LinkPort is the port that port 0 of --link-listen became.
	LinkPort int `json:"link_port,omitempty"`
}

// openDirectory makes or opens a data directory and takes its lock. It refuses one that another server holds,
// one of another format, and a directory that holds something else.
func openDirectory(path string) (*directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the data directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, directoryError(path, err)
	}
	if err := checkOurs(path); err != nil {
		return nil, err
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path, lock: lock}
	if err := d.load(); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// claim refuses a directory of another role.
func (d *directory) claim(role string) error {
	c := d.choices
	if c == (choices{Format: format}) { // new
		d.choices.Role = role
		return d.save()
	}
	if c.Role != role {
		name := func(role string) string {
			if role == "" {
				return "a server with a control plane"
			}
			return "a " + role
		}
		return orrery.Errorf(orrery.Invalid, "the data directory %s is that of %s, and not of %s: choose another one with --dir", d.path, name(c.Role), name(role))
	}
	return nil
}

// join returns a path below the directory.
func (d *directory) join(elements ...string) string {
	return filepath.Join(append([]string{d.path}, elements...)...)
}

// close gives up the lock.
func (d *directory) close() error { return d.lock.Close() }

// save stores the choices durably.
func (d *directory) save() error {
	document, err := json.MarshalIndent(d.choices, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(d.join("orrery.json"), append(document, '\n'), 0o600)
}

func (d *directory) load() error {
	document, err := os.ReadFile(d.join("orrery.json"))
	if errors.Is(err, fs.ErrNotExist) {
		d.choices = choices{Format: format}
		return d.save()
	}
	if err != nil {
		return directoryError(d.path, err)
	}
	if err := json.Unmarshal(document, &d.choices); err != nil {
		return orrery.Errorf(orrery.Invalid, "%s cannot be read as JSON (%v): restore it from a backup, or choose another directory with --dir", d.join("orrery.json"), err)
	}
	if d.choices.Format != format {
		return orrery.Errorf(orrery.Invalid, "the data directory %s has format %d and this program reads format %d: use the version of orrery that wrote it, or choose another directory with --dir", d.path, d.choices.Format, format)
	}
	return nil
}

// checkOurs refuses a directory that is not empty and was not made by this program, so that a mistyped --dir
// does not fill somebody's home directory.
func checkOurs(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return directoryError(path, err)
	}
	for _, e := range entries {
		if e.Name() == "orrery.json" || e.Name() == "lock" {
			return nil
		}
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != "orrery.yaml" {
			return orrery.Errorf(orrery.Invalid, "%s is not an Orrery data directory and not empty (it holds %q): choose an empty or new directory with --dir", path, e.Name())
		}
	}
	return nil
}

func takeLock(path string) (*os.File, error) {
	name := filepath.Join(path, "lock")
	lock, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, directoryError(path, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(name)
		lock.Close()
		return nil, orrery.Errorf(orrery.Conflict, "the data directory %s is in use by another `orrery up` (process %s): stop that one first, or choose another directory with --dir",
			path, strings.TrimSpace(string(holder)))
	}
	if err := lock.Truncate(0); err != nil {
		return nil, errors.Join(directoryError(path, err), lock.Close())
	}
	if _, err := fmt.Fprintf(lock, "%d\n", os.Getpid()); err != nil {
		return nil, errors.Join(directoryError(path, err), lock.Close())
	}
	return lock, nil
}

// directoryError says what to do about an error of the file system.
func directoryError(path string, err error) error {
	advice := "choose another directory with --dir"
	switch {
	case errors.Is(err, unix.ENOSPC):
		advice = "the disk is full: free some space and start again; nothing that was acknowledged is lost"
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, fs.ErrExist):
		advice = "it, or a part of its path, is a file: choose another directory with --dir"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		advice = "this user may not write there: change its owner or mode, or choose another directory with --dir"
	}
	return &orrery.Error{Code: orrery.Unavailable, Message: fmt.Sprintf("the data directory %s cannot be used: %s", path, advice), Err: err}
}

// writeFile replaces a file durably, and says what to do where it cannot.
func writeFile(name string, content []byte, mode os.FileMode) error {
	if err := durable.WriteFile(name, content, mode); err != nil {
		return directoryError(filepath.Dir(name), err)
	}
	return nil
}

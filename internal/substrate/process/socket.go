package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// maxSocketName bounds the name of a unix socket in bytes. The system's own bound is 108 on Linux and 104 elsewhere,
// with a zero at the end, and directories may be deeper than that: so processes have their sockets' directory as
// working directory and use names from there, and who comes from elsewhere uses DialSocket.
const maxSocketName = 100

// ListenSocket listens on a unix socket by a name from the working directory. What a process that ended without
// closing it left there is replaced, so the caller makes sure that no other one runs. Only the owner of the directory
// can connect, for the substrate's directories have mode 0700.
func ListenSocket(name string) (net.Listener, error) {
	if err := checkSocket("the socket", name); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(name); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s is there and is no socket: move it away", name)
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replacing the socket %s: %w", name, err)
	}
	listener, err := net.Listen("unix", name)
	if err != nil {
		return nil, fmt.Errorf("listening on the socket %s: %w", name, err)
	}
	return listener, nil
}

// DialSocket connects to a unix socket by its path, however long that is.
func DialSocket(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	if len(path) <= maxSocketName {
		return dialer.DialContext(ctx, "unix", path)
	}
	name := filepath.Base(path)
	if err := checkSocket("the socket", name); err != nil {
		return nil, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close() // the connection does not need it
	conn, err := dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name))
	if errors.Is(err, syscall.ENOENT) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return conn, err
}

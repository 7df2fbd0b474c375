//go:build unix && !linux

package detached

import (
	"errors"
	"syscall"
)

var errLinux = errors.New("detached processes need Linux")

type handle struct{}

func identityOf(int) (Identity, error)        { return Identity{}, errLinux }
func open(Identity, bool) (*handle, error)    { return nil, errLinux }
func (h *handle) wait() error                 { return errLinux }
func (h *handle) signal(syscall.Signal) error { return errLinux }
func (h *handle) close()                      {}

// Find is for Linux only.
func Find(string) (map[string]Identity, error) { return nil, errLinux }

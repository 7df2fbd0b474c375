//go:build unix && !linux

package engine

import "syscall"

// endWithParent is for Linux only: elsewhere a child outlives a parent that does not end it.
func endWithParent() *syscall.SysProcAttr { return nil }

func awaitStopped(int) error { return nil }

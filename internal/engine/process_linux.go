package engine

import "syscall"

// endWithParent makes a child end when the thread that started it does.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(runProcess()) }

// runProcess is the program as the operating system starts it. The first SIGINT or SIGTERM ends the context,
// which lets a command finish what it must; the second ends the process at once.
func runProcess() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	p := newProgram(os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	return p.run(ctx, os.Args[1:])
}

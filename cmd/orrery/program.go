package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// The exit codes of every command.
const (
	exitOK      = 0
	exitFailure = 1 // the command was understood and did not succeed
	exitUsage   = 2 // the command was not understood: flags, arguments, configuration
)

// program is one invocation: where it reads and writes, what it was started with, and what the global flags
// say. Nothing of it outlives run.
type program struct {
	environ        map[string]string
	operatingSys   string // as in runtime.GOOS: macOS keeps its data elsewhere
	stdin          io.Reader
	stdout, stderr io.Writer
	// askable is true where a question can be put to a person; live is true where stderr is a terminal, on
	// which a line can be overwritten.
	askable, live bool
	global        globals
	// defaulted has the names of the command's flags whose value is not from the command line.
	defaulted map[string]bool
}

// globals are the values of the flags that every command has.
type globals struct {
	config    string
	dir       string
	url       string
	apiKey    string
	apiSecret string
	caFile    string
	output    string
	quiet     bool
}

// newProgram makes a program of an environment ("NAME=VALUE") and three streams.
func newProgram(environ []string, stdin io.Reader, stdout, stderr io.Writer) *program {
	p := &program{
		environ: make(map[string]string, len(environ)), operatingSys: runtime.GOOS, defaulted: map[string]bool{},
		stdin: stdin, stdout: stdout, stderr: stderr,
		live: isTerminal(stderr),
	}
	p.askable = p.live && isTerminal(stdin)
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			p.environ[name] = value
		}
	}
	return p
}

// isTerminal reports whether a stream is a file that a person sits at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// run executes one command line, without the program's name, and returns the exit code. It reports an error on
// stderr itself.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	f := p.explain(err)
	p.report(f)
	if f.usage {
		return exitUsage
	}
	return exitFailure
}

package main

import (
	"fmt"
	"io"
)

// progress shows on stderr what a command waits for and why: one line that is overwritten on a terminal, a line
// for each change otherwise, nothing with --quiet.
type progress struct {
	w           io.Writer
	live, quiet bool
	last        string
	shown       bool // the cursor is behind a line that can be overwritten
}

func (p *program) progress() *progress {
	return &progress{w: p.stderr, live: p.live, quiet: p.global.quiet}
}

// say shows a text; the same again is shown once.
func (s *progress) say(format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	switch {
	case s.quiet:
	case s.live:
		fmt.Fprintf(s.w, "\r\x1b[K%s", text)
		s.shown = true
	case text != s.last:
		fmt.Fprintln(s.w, text)
	}
	s.last = text
}

// end clears the line of a terminal, so that what follows begins at its left.
func (s *progress) end() {
	if s.shown {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = false
	}
}

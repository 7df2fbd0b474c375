package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// forceFlags adds --force and its synonym --yes, and returns where they are stored.
func forceFlags(cmd *cobra.Command) *bool {
	force := cmd.Flags().BoolP("force", "y", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(force, "yes", false, "the same as --force")
	return force
}

// confirm asks before something is destroyed. Where nobody can be asked it refuses, so that a script says what it
// means.
func (p *program) confirm(force bool, what string) error {
	switch {
	case force:
		return nil
	case !p.askable:
		return usageError("add --force to delete without being asked", "this deletes %s, and there is no terminal on which to ask", what)
	}
	fmt.Fprintf(p.stderr, "This deletes %s. It cannot be undone. Continue? [y/N] ", what)
	answer, _ := bufio.NewReader(p.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return failed("", "nothing was deleted")
}

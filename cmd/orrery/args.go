package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// arguments makes the check for a command's positional arguments from their names; a name in brackets may be
// left out.
func arguments(names ...string) cobra.PositionalArgs {
	required := 0
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			required++
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		hint := fmt.Sprintf("usage: %s\nsee `%s --help`", cmd.UseLine(), cmd.CommandPath())
		switch {
		case len(args) < required:
			return usageError(hint, "%s is missing", names[len(args)])
		case len(args) > len(names):
			return usageError(hint, "unexpected argument %q", args[len(names)])
		}
		for i, arg := range args {
			if arg == "" {
				return usageError(hint, "%s is empty", strings.Trim(names[i], "[]"))
			}
		}
		return nil
	}
}

// group makes a command that only holds others: alone it prints its help, and with a word that is none of its
// commands it says which one may have been meant.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(children...)
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
		if suggestions := cmd.SuggestionsFor(args[0]); len(suggestions) > 0 {
			hint = fmt.Sprintf("did you mean `%s %s`?", cmd.CommandPath(), suggestions[0])
		}
		return usageError(hint, "%q is not a command of `%s`", args[0], cmd.CommandPath())
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return cmd.Help() }
	return cmd
}

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// writeHelp is `--help` of every command: what it does, how it is called, examples to copy, its commands, its
// flags with their environment variables.
func writeHelp(w io.Writer, cmd *cobra.Command) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintln(w, strings.TrimSpace(text))
	if isTopic(cmd) {
		return
	}
	fmt.Fprintf(w, "\nUsage:\n  %s\n", usageLine(cmd))
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", indented(cmd.Example))
	}
	writeCommands(w, cmd)
	writeFlags(w, "Flags", ownFlags(cmd))
	if !cmd.HasParent() {
		fmt.Fprintf(w, "\nEvery command explains itself: orrery COMMAND --help\n")
		return
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nEach explains itself: %s COMMAND --help\n", cmd.CommandPath())
	}
	fmt.Fprintf(w, "\nGlobal flags, such as -o json, --quiet and --url: orrery --help\n")
}

// isTopic reports whether a command is only a text to read.
func isTopic(cmd *cobra.Command) bool { return cmd.IsAdditionalHelpTopicCommand() }

func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND [flags]"
	}
	return cmd.UseLine()
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// writeCommands lists the commands below cmd, under the headings of its groups where it has some.
func writeCommands(w io.Writer, cmd *cobra.Command) {
	width := 0
	for _, child := range cmd.Commands() {
		width = max(width, len(child.Name()))
	}
	section := func(title, id string) {
		heading := false
		for _, child := range cmd.Commands() {
			if child.GroupID != id || child.Hidden || (child.Name() == "help" && cmd.HasParent()) {
				continue
			}
			if !heading {
				fmt.Fprintf(w, "\n%s:\n", title)
				heading = true
			}
			fmt.Fprintf(w, "  %-*s   %s\n", width, child.Name(), child.Short)
		}
	}
	for _, g := range cmd.Groups() {
		section(g.Title, g.ID)
	}
	section("Commands", "")
}

// ownFlags are the flags to show with a command: its own, and for the root the global ones.
func ownFlags(cmd *cobra.Command) []*pflag.Flag {
	var flags []*pflag.Flag
	cmd.Flags().SortFlags = false // as declared: the most useful first
	global := cmd.Root().PersistentFlags()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && (!cmd.HasParent() || global.Lookup(f.Name) != f) {
			flags = append(flags, f)
		}
	})
	return flags
}

// writeFlags lists flags in two columns. A variable is named only where it is not ORRERY_ and the flag's name.
func writeFlags(w io.Writer, title string, flags []*pflag.Flag) {
	if len(flags) == 0 {
		return
	}
	left, width := make([]string, len(flags)), 0
	for i, f := range flags {
		left[i] = flagSyntax(f)
		width = max(width, len(left[i]))
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	for i, f := range flags {
		_, text := pflag.UnquoteUsage(f)
		if settingName(f) != f.Name {
			text += " [" + variable(f) + "]"
		}
		if shown := defaultText(f); shown != "" {
			text += " (default " + shown + ")"
		}
		fmt.Fprintf(w, "  %-*s   %s\n", width, left[i], text)
	}
}

func flagSyntax(f *pflag.Flag) string {
	syntax := "    --" + f.Name
	if f.Shorthand != "" {
		syntax = "-" + f.Shorthand + ", --" + f.Name
	}
	if name, _ := pflag.UnquoteUsage(f); name != "" {
		syntax += " " + name
	}
	return syntax
}

func defaultText(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "true", "false", "0", "0s", "[]":
		return ""
	}
	return f.DefValue
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func upper(s string) string { return strings.ToUpper(s) }

// named returns "lkc-abc123 (demo)".
func named(id, name string) string {
	if name == "" {
		return id
	}
	return fmt.Sprintf("%s (%s)", id, cellText(name))
}

// firstOf returns the first argument, or "" where there is none.
func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// orEmpty makes an empty list of a nil one, which JSON would show as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// nothingToChange says that an update names no change.
func nothingToChange(cmd *cobra.Command) error {
	return usageError(fmt.Sprintf("see `%s --help`", cmd.CommandPath()), "nothing to change is given")
}

// oneWord returns the canonical spelling of a word that was typed in any case.
func oneWord(flag, typed string, words ...string) (string, error) {
	for _, word := range words {
		if strings.EqualFold(typed, word) {
			return word, nil
		}
	}
	return "", usageError("choose one of "+strings.ToLower(strings.Join(words, ", ")), "--%s %q is not offered", flag, typed)
}

// dashes makes "multi_zone" of "multi-zone".
func dashes(s string) string { return strings.ReplaceAll(s, "-", "_") }

// shellQuote makes one word of s for a POSIX shell.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

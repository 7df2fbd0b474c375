package main

import (
	"github.com/spf13/cobra"
)

func (p *program) completionCommand() *cobra.Command {
	shell := func(name, example string, generate func(*cobra.Command) error) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: "Print the completion script for " + name, Example: example,
			Args: arguments(),
			RunE: func(cmd *cobra.Command, args []string) error { return generate(cmd.Root()) },
		}
	}
	return group(&cobra.Command{
		Use: "completion", Short: "Print a script that completes commands and flags in your shell",
		Example: "source <(orrery completion bash)",
	},
		shell("bash", "source <(orrery completion bash)                     # this shell\norrery completion bash > ~/.local/share/bash-completion/completions/orrery",
			func(root *cobra.Command) error { return root.GenBashCompletionV2(p.stdout, true) }),
		shell("zsh", "source <(orrery completion zsh)                      # this shell\norrery completion zsh > \"${fpath[1]}/_orrery\"",
			func(root *cobra.Command) error { return root.GenZshCompletion(p.stdout) }),
		shell("fish", "orrery completion fish > ~/.config/fish/completions/orrery.fish",
			func(root *cobra.Command) error { return root.GenFishCompletion(p.stdout, true) }),
	)
}

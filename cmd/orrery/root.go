package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const rootLong = `Orrery is a managed Kafka service that you run yourself: what Confluent Cloud does
for its customers, in one program. Kafka clients connect to it unmodified.

Start it here, and leave it running (Ctrl-C stops it; nothing is lost):

  orrery up

Then, in a second terminal:

  orrery kafka cluster create demo
  orrery api-key create --resource demo --save
  orrery kafka topic create greetings
  echo hello | orrery kafka topic produce greetings
  orrery kafka topic consume greetings --from-beginning -n 1

And your own program, complete with address, key and certificate:

  orrery kafka client-config python --topic greetings > hello.py`

// The headings under which root's help lists commands.
const (
	groupRun    = "run"
	groupPart   = "part"
	groupUse    = "use"
	groupAccess = "access"
	groupInside = "inside"
	groupOther  = "other"
)

// rootCommand makes the whole tree of commands.
func (p *program) rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:               "orrery",
		Short:             "A managed Kafka service that you run yourself",
		Long:              rootLong,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: p.prepare,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	})
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run a service"},
		&cobra.Group{ID: groupPart, Title: "Run one part of a service"},
		&cobra.Group{ID: groupUse, Title: "Use Kafka"},
		&cobra.Group{ID: groupAccess, Title: "Say who may do what"},
		&cobra.Group{ID: groupInside, Title: "Look inside"},
		&cobra.Group{ID: groupOther, Title: "More"},
	)
	add := func(id string, commands ...*cobra.Command) {
		for _, cmd := range commands {
			cmd.GroupID = id
			root.AddCommand(cmd)
		}
	}
	add(groupRun, p.upCommand(), p.mothershipCommand(), p.engineCommand())
	add(groupPart, p.gatewayCommand(), p.balancerCommand())
	add(groupUse, p.kafkaCommand(), p.environmentCommand())
	add(groupAccess, p.apiKeyCommand(), p.serviceAccountCommand(), p.roleBindingCommand(), p.identityProviderCommand(), p.identityPoolCommand(), p.certificateAuthorityCommand(), p.certificatePoolCommand(), p.userCommand(), p.organizationCommand())
	add(groupInside, p.pscCommand(), p.satelliteCommand(), p.rootAuthorityCommand(), p.simCommand())
	add(groupOther, p.completionCommand(), p.versionCommand(), p.configurationTopic())
	root.SetHelpCommandGroupID(groupOther)
	root.SetHelpCommand(helpCommand())
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd.OutOrStdout(), cmd) })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Sprintf("see `%s --help`", cmd.CommandPath()), "%v", err)
	})
	p.globalFlags(root)
	return root
}

func (p *program) globalFlags(root *cobra.Command) {
	flags, g := root.PersistentFlags(), &p.global
	flags.SortFlags = false
	flags.StringVarP(&g.output, "output", "o", outputHuman, "`FORMAT` of the output: human, json or yaml; json is the API's own")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "no progress and no remarks: results and errors only")
	flags.StringVar(&g.url, "url", "", "`URL` of the API (default: that of the server on this machine)")
	flags.StringVar(&g.apiKey, "api-key", "", "Cloud API `KEY` for the API (default: the admin key of the server on this machine)")
	flags.StringVar(&g.apiSecret, "api-secret", "", "its `SECRET`; better in ORRERY_API_SECRET, for other users can see a command line")
	flags.StringVar(&g.caFile, "ca-file", "", "PEM `FILE` of the authority that signed the server's certificates")
	flags.StringVar(&g.dir, "dir", "", "data `DIRECTORY` of `orrery up`, where other commands find its admin.env")
	flags.StringVar(&g.config, "config", "", "configuration `FILE`; see `orrery help configuration`")
}

// prepare runs before every command: values from the environment and the file, and their checks.
func (p *program) prepare(cmd *cobra.Command, _ []string) error {
	if offline(cmd) {
		return nil
	}
	return p.settle(cmd)
}

// offline reports whether a command must work whatever the configuration is like.
func offline(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "help", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return true
	}
	_, runs := cmd.Annotations[runsItself]
	return cmd.HasSubCommands() && !runs || cmd.Parent().Name() == "completion"
}

// helpCommand is `orrery help COMMAND`.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Explain a command or a subject",
		GroupID: groupOther,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError("see `orrery --help`", "there is no help about %q", args)
			}
			return target.Help()
		},
	}
}

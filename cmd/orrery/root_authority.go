package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) rootAuthorityCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "root-authority", Short: "See and replace the certificate authority of the service itself",
		Long: `The root authority signs the certificates that clusters and the API present, and is what
clients trust: the CA file, ca.pem in the data directory. It is replaced in three steps,
while everything runs and no connection ends:

  trust   makes the next root; the CA file has both from then on. Give it to all clients
          and wait until they have it.
  issue   the next root signs from then on. The old one vouches for it, so that clients
          that trust only the old one still go on.
  drop    the old root is gone. Clients that trust no other cannot connect any more.`,
		Example: "orrery root-authority describe\norrery root-authority rollover trust",
	}, p.rootAuthorityDescribeCommand(), p.rootAuthorityRolloverCommand())
}

func (p *program) rootAuthorityDescribeCommand() *cobra.Command {
	var pem bool
	cmd := &cobra.Command{
		Use: "describe", Short: "Show the root authority, and how far its replacement is", Args: arguments(),
		Example: "orrery root-authority describe\norrery root-authority describe --pem > ca.pem",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := api.GetRootAuthority(cmd.Context())
			if err != nil {
				return err
			}
			if pem {
				_, err := io.WriteString(p.stdout, a.CAFile)
				return err
			}
			return p.showRootAuthority(a)
		},
	}
	cmd.Flags().BoolVar(&pem, "pem", false, "print the CA file that clients are to trust")
	return cmd
}

func (p *program) rootAuthorityRolloverCommand() *cobra.Command {
	var force *bool
	steps := map[string]orrery.RootStep{"trust": orrery.RootTrust, "issue": orrery.RootIssue, "drop": orrery.RootDrop}
	cmd := &cobra.Command{
		Use: "rollover STEP", Short: "Make a step of the root authority's replacement: trust, issue or drop", Args: arguments("STEP"),
		Example: "orrery root-authority rollover trust\norrery root-authority rollover issue\norrery root-authority rollover drop --force",
		RunE: func(cmd *cobra.Command, args []string) error {
			step, known := steps[args[0]]
			if !known {
				return usageError("the steps are trust, issue and drop, in this order", "%q is not a step", args[0])
			}
			if step == orrery.RootDrop {
				if err := p.confirm(*force, "the old root authority; clients that trust no other cannot connect any more"); err != nil {
					return err
				}
			}
			api, err := p.api()
			if err != nil {
				return err
			}
			a, err := api.StepRootAuthority(cmd.Context(), step)
			if err != nil {
				return err
			}
			return p.showRootAuthority(a)
		},
	}
	force = forceFlags(cmd)
	return cmd
}

func (p *program) showRootAuthority(a wire.RootAuthority) error {
	return p.show(a, func(w io.Writer) {
		details(w, []detail{{"Phase", a.Phase}, {"Next step", a.NextStep}})
		io.WriteString(w, "\n")
		rows := make([][]string, len(a.Certificates))
		for i, c := range a.Certificates {
			rows[i] = []string{c.Subject, c.Fingerprint, timeText(c.ExpiresAt), daysLeft(c.ExpiresAt)}
		}
		table(w, []string{"SUBJECT", "SHA-1", "EXPIRES", "DAYS LEFT"}, rows)
	})
}

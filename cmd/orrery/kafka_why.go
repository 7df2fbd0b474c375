package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) kafkaWhyCommand() *cobra.Command {
	var f clusterFlag
	var principal string
	var since time.Duration
	cmd := &cobra.Command{
		Use: "why", Short: "Say what was refused to the clients of a Kafka cluster, why, and what to do", Args: arguments(),
		Long: `Kafka's error codes say little. This shows each request that was denied, limited,
throttled or refused, each login that failed and each connection that was closed, with
the rule behind it and what to type. Who may not see how the cluster is set up sees
what was refused to itself. What repeats is counted; the last 1,000 are kept, in the
memory of the gateways.`,
		Example: "orrery kafka why\norrery kafka why --cluster demo --principal User:sa-x1y2z3 --since 10m",
		RunE: func(cmd *cobra.Command, args []string) error {
			if since < 0 {
				return usageError("such as --since 10m", "--since %s is negative", since)
			}
			rest, err := p.topics(cmd.Context(), f)
			if err != nil {
				return err
			}
			why, err := rest.Why(cmd.Context())
			if err != nil {
				return err
			}
			why.Data = selectedRefusals(why.Data, principal, since, time.Now())
			return p.show(why, func(w io.Writer) { showWhy(w, why) })
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&principal, "principal", "", "only what was refused to this `User:ID`")
	cmd.Flags().DurationVar(&since, "since", 0, "only what happened within this `DURATION`, such as 10m (default: all that is kept)")
	return cmd
}

// selectedRefusals leaves those of a principal ("": all) within a duration (0: all) before now.
func selectedRefusals(all []wire.Refusal, principal string, since time.Duration, now time.Time) []wire.Refusal {
	if principal != "" && !strings.Contains(principal, ":") {
		principal = orrery.Principal(principal)
	}
	return orEmpty(slices.DeleteFunc(all, func(r wire.Refusal) bool {
		return principal != "" && r.Principal != principal || since > 0 && now.Sub(r.LastAt) > since
	}))
}

func showWhy(w io.Writer, why wire.Why) {
	if len(why.Data) == 0 && len(why.SilentBrokers) == 0 {
		fmt.Fprintf(w, "Nothing was refused to clients of %s.\n", why.ClusterID)
	}
	for _, r := range why.Data {
		fmt.Fprintf(w, "%s  %s  %s\n", timeText(r.LastAt), cellText(refusalTitle(r)), refusalCount(r))
		who := r.Principal
		if who == "" {
			who = "a client that did not log in"
		}
		key := ""
		if r.APIKeyID != "" {
			key = " with the key " + r.APIKeyID
		}
		fmt.Fprintf(w, "  who:  %s\n", cellText(fmt.Sprintf("%s%s from %s at broker %d", who, key, r.Client, r.Broker)))
		fmt.Fprintf(w, "  why:  %s\n", cellText(r.Reason+ruleText(r.Rule)))
		fmt.Fprintf(w, "  fix:  %s\n", cellText(r.Fix))
		if command := refusalCommand(why.ClusterID, r); command != "" {
			fmt.Fprintf(w, "        %s\n", cellText(command))
		}
	}
	if len(why.SilentBrokers) > 0 {
		fmt.Fprintf(w, "Incomplete: the gateways of these brokers did not say what they refused: %s. Try again.\n", strings.Trim(fmt.Sprint(why.SilentBrokers), "[]"))
	}
	if why.Forgotten > 0 {
		fmt.Fprintf(w, "%s happened longer ago and were forgotten.\n", plural(int(why.Forgotten), "other refusal"))
	}
}

func refusalTitle(r wire.Refusal) string {
	words := []string{r.Kind, r.API}
	if r.Resource != "" {
		words = append(words, r.ResourceType, fmt.Sprintf("%q", r.Resource))
	}
	if r.Error != "" {
		words = append(words, "("+r.Error+")")
	}
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

func refusalCount(r wire.Refusal) string {
	if r.Count == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times since %s", r.Count, timeText(r.FirstAt))
}

func ruleText(rule string) string {
	if rule == "" {
		return ""
	}
	return " [" + rule + "]"
}

// refusalCommand is what gives the missing role; "" where no role is missing, or its resource has no flag.
func refusalCommand(clusterID string, r wire.Refusal) string {
	if r.Kind != "denied" || r.Role == "" || r.Principal == "" {
		return ""
	}
	command := "orrery role-binding create --principal " + r.Principal + " --role " + r.Role + " --cluster " + clusterID
	switch r.ResourceType {
	case orrery.CRNTopic, orrery.CRNGroup, orrery.CRNTransactionalID:
		if r.Resource == "" {
			return ""
		}
		command += " --" + r.ResourceType + " " + shellQuote(r.Resource)
	}
	return command
}

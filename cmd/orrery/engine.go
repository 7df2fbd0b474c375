package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orrery-kafka/orrery/internal/engine"
)

func (p *program) engineCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "engine", Short: "Install Apache Kafka for `orrery up --engine kafka`",
		Long: `Brokers are Apache Kafka where the engine is kafka. It is fetched once, from Maven
Central, and kept in a cache that any number of services on this machine share.`,
		Example: "orrery engine install\norrery engine list",
	}, p.engineInstallCommand(), p.engineListCommand())
}

// engineCacheFlag is where Apache Kafka is kept.
func engineCacheFlag(flags *pflag.FlagSet, cache *string) {
	flags.StringVar(cache, "engine-cache", "", "`DIRECTORY` in which Apache Kafka is kept (default: orrery/engine in the user's cache)")
}

// engineFacts is a version of Apache Kafka as it is on this machine.
type engineFacts struct {
	Version string `json:"version"`
	// Default is the version that new physical clusters get.
	Default   bool   `json:"default"`
	Directory string `json:"directory"`
	// State is ready, fetched (its class archive is missing) or absent.
	State string `json:"state"`
}

// engineVersions returns what the cache holds of the versions, all of them without names.
func engineVersions(cache string) ([]engineFacts, error) {
	cached, err := engine.List(cache)
	if err != nil {
		return nil, err
	}
	facts := make([]engineFacts, len(cached))
	for i, c := range cached {
		facts[i] = engineFacts{Version: c.Version, Default: c.Version == engine.DefaultVersion, Directory: c.Dir, State: "absent"}
		switch {
		case c.Ready:
			facts[i].State = "ready"
		case c.Fetched:
			facts[i].State = "fetched"
		}
	}
	return facts, nil
}

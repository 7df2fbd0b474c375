package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/internal/engine"
)

const engineInstallLong = `Make Apache Kafka ready to run on this machine: fetch it with Maven from Maven Central
(54 MiB), hold each file against the checksum that this program was built with, and
make the class archive that lets brokers start quickly, with a short run of a broker
on loopback. That takes about a minute and 110 MiB for each version, once; later it
only checks the files. It is done at the first start of "orrery up --engine kafka" too.

It needs Java 17 or newer (JAVA_HOME, else PATH) and, the first time, Maven (mvn) with
its way to Maven Central; a proxy or mirror belongs into ~/.m2/settings.xml. Brokers
need Java only.

Without VERSION it installs the one that new physical clusters get.`

// installedEngine is a version that was installed, or found to be.
type installedEngine struct {
	engineFacts
	Java         string `json:"java"`
	ClassArchive string `json:"class_archive"`
	Took         string `json:"took"`
}

func (p *program) engineInstallCommand() *cobra.Command {
	var cache string
	cmd := &cobra.Command{
		Use: "install [VERSION...]", Short: "Fetch versions of Apache Kafka and make them ready to run", Long: engineInstallLong,
		Args:      engineVersionArguments,
		ValidArgs: engine.Versions(),
		Example:   "orrery engine install\norrery engine install 4.2.1 4.3.1 -o json",
		RunE:      func(cmd *cobra.Command, args []string) error { return p.engineInstall(cmd.Context(), cache, args) },
	}
	engineCacheFlag(cmd.Flags(), &cache)
	return cmd
}

// engineVersionArguments takes any number of known versions.
func engineVersionArguments(_ *cobra.Command, args []string) error {
	for _, version := range args {
		if !slices.Contains(engine.Versions(), version) {
			return usageError("known are "+strings.Join(engine.Versions(), ", "), "Apache Kafka %q is not known here", version)
		}
	}
	return nil
}

func (p *program) engineInstall(ctx context.Context, cache string, versions []string) error {
	if len(versions) == 0 {
		versions = []string{engine.DefaultVersion}
	}
	var installed []installedEngine
	for _, version := range versions {
		began := time.Now()
		i, err := engine.Install(ctx, engine.Config{CacheDir: cache, Version: version, Progress: p.engineProgress()})
		if err != nil {
			return explainEngine(err)
		}
		installed = append(installed, installedEngine{
			engineFacts: engineFacts{Version: version, Default: version == engine.DefaultVersion, Directory: i.Dir, State: "ready"},
			Java:        i.Java, ClassArchive: i.Archive, Took: time.Since(began).Round(time.Millisecond).String(),
		})
	}
	return p.show(installed, func(w io.Writer) {
		for _, i := range installed {
			fmt.Fprintf(w, "Apache Kafka %s is ready (%s): %s, with %s\n", i.Version, i.Took, i.Directory, i.Java)
		}
	})
}

// engineProgress takes lines about an installation.
func (p *program) engineProgress() io.Writer {
	if p.global.quiet {
		return io.Discard
	}
	return p.stderr
}

// explainEngine says that Apache Kafka cannot be made ready; the error says what to do.
func explainEngine(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return failed("`orrery engine install --help` says what is needed", "%v", err).because(err)
}

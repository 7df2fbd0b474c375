package engine

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed pom.xml
var pom []byte

const (
	copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
	fetchPatience    = 15 * time.Minute
	fetching         = ".fetch-" // begins the name of an installation that is not whole
)

// fetch resolves a version with Maven into i.Dir, which appears only when it is whole.
func fetch(ctx context.Context, i Installation, progress io.Writer) error {
	temporary, err := os.MkdirTemp(filepath.Dir(i.Dir), fetching+i.Version+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }() // what stays, sweep removes
	fmt.Fprintf(progress, "fetching Apache Kafka %s with Maven (54 MiB) ...\n", i.Version)
	jars := filepath.Join(temporary, libraries)
	if err := resolve(ctx, filepath.Join(temporary, "pom.xml"), i.Version, jars); err != nil {
		return err
	}
	if err := verify(jars, wanted(i.Version)); err != nil {
		return fmt.Errorf("what Maven resolved for Apache Kafka %s is not what was expected, so it is not used "+
			"(a mirror that serves other files, or a damaged local repository?): %w", i.Version, err)
	}
	for _, name := range wanted(i.Version).names {
		if err := os.Chtimes(filepath.Join(jars, name), modified, modified); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(temporary, logFile), logConfiguration, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	return os.Rename(temporary, i.Dir)
}

func resolve(ctx context.Context, pomPath, version, jars string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("Maven fetches Apache Kafka %s, and there is no mvn in PATH: install it (Debian: apt-get install maven)", version)
	}
	if err := os.WriteFile(pomPath, pom, 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	command := exec.CommandContext(ctx, maven, "-q", "-B", "-Dstyle.color=never", "-f", pomPath, copyDependencies,
		"-Dkafka.version="+version, "-DincludeScope=runtime", "-DoutputDirectory="+jars)
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("fetch Apache Kafka %s: %w", version, context.Cause(ctx))
	}
	if err != nil {
		return mavenError(version, string(output), err)
	}
	return nil
}

// unreachable is what Maven says when the repository, not a request to it, is the problem.
var unreachable = []string{
	"unknownhost", "unknown host", "temporary failure in name resolution", "nodename nor servname", "connection refused",
	"connection reset", "timed out", "network is unreachable", "no route to host", "offline mode", "pkix path", "authentication required",
}

func mavenError(version, output string, err error) error {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	said := strings.TrimPrefix(lines[0], "[ERROR] ")
	for _, sign := range unreachable {
		if strings.Contains(strings.ToLower(output), sign) {
			return fmt.Errorf("fetch Apache Kafka %s: Maven cannot reach its repository; the first installation needs the network "+
				"(a proxy or a mirror belongs into settings.xml in ~/.m2): %s", version, said)
		}
	}
	if said == "" {
		return fmt.Errorf("fetch Apache Kafka %s: mvn: %w", version, err)
	}
	return fmt.Errorf("fetch Apache Kafka %s: mvn: %w: %s", version, err, said)
}

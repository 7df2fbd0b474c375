// Package engine gets Apache Kafka and readies it to run on this machine: Install fetches a version with Maven, holds
// every jar against a committed checksum, and makes the JVM's class archive that lets brokers start quickly; Server
// renders a node's server.properties; Format prepares its storage without a JVM; Installation.Arguments is the java
// command line. It starts nothing that stays: that is the caller's.
//
// It needs Java 17 or newer, and for the first installation of a version Maven and its repository.
package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The versions that can be installed. Upgrades are tested from Previous to Default.
const (
	DefaultVersion  = "4.3.1"
	PreviousVersion = "4.2.1"
)

//go:embed log4j2.properties
var logConfiguration []byte

// Versions are the versions of Apache Kafka that Install knows the checksums of, oldest first.
func Versions() []string { return []string{PreviousVersion, DefaultVersion} }

// Config says what to install and where.
type Config struct {
	// CacheDir holds what was fetched and made, one directory for each version; it may be shared by any number of
	// processes. Empty means orrery/engine in the user's cache directory.
	CacheDir string
	// Version is one of Versions; empty means DefaultVersion.
	Version string
	// Progress gets a line before each step that takes seconds. It may be nil.
	Progress io.Writer
}

// Installation is a version of Apache Kafka that is ready to run.
type Installation struct {
	// Version is the version of Apache Kafka, such as 4.3.1.
	Version string
	// Dir is where the installation is. Nothing in it may be changed.
	Dir string
	// Java is the path of the java program that the class archive was made with.
	Java string
	// ClassPath names every jar, in a fixed order: the class archive is good for this order only.
	ClassPath string
	// Archive is the JVM's class archive (-XX:SharedArchiveFile).
	Archive string
	// Bootstrap is the content of bootstrap.checkpoint, which `format` writes: the features of this version.
	Bootstrap []byte
}

// JVM says how a Java program of an Installation runs.
type JVM struct {
	// HeapMiB bounds the heap, in MiB; 0 means 512.
	HeapMiB int
	// FirstTierOnly compiles with the first compiler tier only: starts in three quarters of the time, and is slower
	// once warm. Right for tests, wrong for measuring and for service.
	FirstTierOnly bool
	// LogLevel is the level of the broker's log on standard output; empty means INFO.
	LogLevel string
	// Options are more options of the JVM.
	Options []string
}

// ServerClass is the main class of a broker or controller; its one argument is the path of server.properties.
const ServerClass = "kafka.Kafka"

// Arguments is the command line, without the java program, that runs a class of Apache Kafka.
func (i Installation) Arguments(j JVM, class string, args ...string) []string {
	return append(i.options(j, "-XX:SharedArchiveFile="+i.Archive), append([]string{class}, args...)...)
}

// options are the JVM's options; archive is what to do about the class archive. The collector is named because the
// JVM would take another one in a small container, and the archive is made with this one.
func (i Installation) options(j JVM, archive string) []string {
	options := []string{"-Xms64m", "-Xmx" + strconv.Itoa(heap(j)) + "m", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError"}
	if archive != "" {
		options = append(options, archive)
	}
	if j.FirstTierOnly {
		options = append(options, "-XX:TieredStopAtLevel=1")
	}
	if j.LogLevel != "" {
		options = append(options, "-Dorrery.log.level="+j.LogLevel)
	}
	options = append(options, "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8", "-Dlog4j2.configurationFile="+filepath.Join(i.Dir, logFile))
	return append(append(options, j.Options...), "-cp", i.ClassPath)
}

func heap(j JVM) int {
	if j.HeapMiB == 0 {
		return 512
	}
	return j.HeapMiB
}

const (
	libraries     = "libs"
	logFile       = "log4j2.properties"
	bootstrapFile = "bootstrap.checkpoint"
	// The name of a class archive says between these what it is good for.
	archivePrefix, archiveSuffix = "classes-", ".jsa"
)

// modified is the time of every jar: the JVM refuses a class archive when one differs.
var modified = time.Unix(1767225600, 0)

// Install makes a version of Apache Kafka ready to run, or finds that it is. The first time takes about a minute and
// 110 MiB in the cache, after that some 100 ms, in which every jar is held against its checksum again. Concurrent calls,
// also of other processes, wait for each other; an interrupted one leaves nothing that a later one would take for whole.
//
// Its errors say what to install or to change: no Java or too old a one, no Maven, no way to Maven's repository, a
// jar that is not the one expected.
func Install(ctx context.Context, config Config) (Installation, error) {
	version := config.Version
	if version == "" {
		version = DefaultVersion
	}
	if !slices.Contains(Versions(), version) {
		return Installation{}, fmt.Errorf("Apache Kafka %q is not known here; known are %s", version, strings.Join(Versions(), ", "))
	}
	if config.Progress == nil {
		config.Progress = io.Discard
	}
	cache, err := cacheDir(config.CacheDir)
	if err != nil {
		return Installation{}, err
	}
	java, err := findJava(ctx)
	if err != nil {
		return Installation{}, err
	}
	unlock, err := lock(ctx, filepath.Join(cache, ".lock-"+version))
	if err != nil {
		return Installation{}, err
	}
	defer unlock()
	i := Installation{Version: version, Dir: installationDir(cache, version), Java: java.path}
	if err := sweep(filepath.Join(cache, fetching+version+"-*"), filepath.Join(i.Dir, trainingDir+"*")); err != nil {
		return Installation{}, err
	}
	if _, err := os.Stat(i.Dir); errors.Is(err, fs.ErrNotExist) {
		err = fetch(ctx, i, config.Progress)
		if err != nil {
			return Installation{}, err
		}
	}
	if err := verify(filepath.Join(i.Dir, libraries), wanted(version)); err != nil {
		return Installation{}, fmt.Errorf("Apache Kafka %s in %s is not what was expected (remove that directory to fetch it again): %w", version, i.Dir, err)
	}
	i.ClassPath = wanted(version).classPath(filepath.Join(i.Dir, libraries))
	if err := i.ready(ctx, java, config.Progress); err != nil {
		return Installation{}, fmt.Errorf("make the class archive of Apache Kafka %s: %w", version, err)
	}
	return i, nil
}

// sweep removes what interrupted installations left. The caller holds the lock, so none is under way.
func sweep(patterns ...string) error {
	for _, pattern := range patterns {
		left, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("%s: %w", pattern, err)
		}
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func cacheDir(dir string) (string, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no directory to keep Apache Kafka in: %w", err)
		}
		dir = filepath.Join(user, "orrery", "engine")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	// These end an entry of a class path, or mean something in it or in a pattern.
	if strings.ContainsAny(dir, string(os.PathListSeparator)+"*?[\n") {
		return "", fmt.Errorf("the cache directory %q cannot be part of a Java class path", dir)
	}
	return dir, os.MkdirAll(dir, 0o755)
}

package main

import (
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
)

// upFlags are the flags of `orrery up` as they were given.
type upFlags struct {
	listen, tlsListen, kafkaPorts, region, logLevel, logFormat string
	identityNetworks, identityCAFile                           string
	engine, engineCache, kafkaVersion                          string
	login                                                      loginFlags
}

// The defaults of `orrery up`.
const (
	defaultListen     = "127.0.0.1:8080"
	defaultKafkaPorts = "19092-19591"
	defaultEngine     = "embedded"
)

func (f *upFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.listen, "listen", defaultListen, "loopback `HOST:PORT` of the API, in plain HTTP; port 0 is chosen once and kept")
	flags.StringVar(&f.tlsListen, "tls-listen", "", "`HOST:PORT` of the API with TLS beside it, for other machines too")
	flags.StringVar(&f.kafkaPorts, "kafka-ports", defaultKafkaPorts, "ports `A-B` on 127.0.0.1 for Kafka; each is chosen once and kept")
	flags.StringVar(&f.engine, "engine", defaultEngine, "what brokers are: embedded, in this process, or kafka, processes of Apache Kafka")
	flags.StringVar(&f.kafkaVersion, "kafka-version", "", "`VERSION` of Apache Kafka of new clusters (default: the newest that this program knows)")
	engineCacheFlag(flags, &f.engineCache)
	flags.StringVar(&f.region, "region", "", "serve only this `CLOUD/REGION`, such as aws/eu-central-1 (default: any)")
	flags.StringVar(&f.identityNetworks, "identity-provider-networks", "", "`CIDR,...` in which identity providers may be although they are not public")
	flags.StringVar(&f.identityCAFile, "identity-provider-ca-file", "", "PEM `FILE` of more authorities that sign identity providers' certificates")
	f.login.add(flags)
	flags.StringVar(&f.logLevel, "log-level", "info", "least `LEVEL` of what is logged on stderr: debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "text", "`FORMAT` of the log: text or json")
}

// checkListen accepts a loopback address only: the API on it is plain HTTP.
func checkListen(address string) error {
	host, err := hostOf("--listen", address)
	if err != nil {
		return err
	}
	if !loopback(host) {
		return usageError("keep --listen on 127.0.0.1 and serve other machines with TLS: --tls-listen "+address,
			"--listen %s would serve the API, and its keys, in plain HTTP to other machines", address)
	}
	return nil
}

// hostOf checks HOST:PORT and returns the host.
func hostOf(flag, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", usageError("it looks like "+defaultListen, "%s %q is not HOST:PORT", flag, address)
	}
	if _, err := parsePort(port); err != nil {
		return "", usageError("", "%s %q: %v", flag, address, err)
	}
	return host, nil
}

func parsePort(text string) (int, error) {
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 || text != strconv.Itoa(port) {
		return 0, usageError("", "%q is not a port (0 to 65535)", text)
	}
	return port, nil
}

// parsePorts reads A-B: the first and the last port. 0-0 lets the system choose.
func parsePorts(text string) (first, last int, err error) {
	hint := "it looks like " + defaultKafkaPorts
	a, b, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, usageError(hint, "--kafka-ports %q is not A-B", text)
	}
	if first, err = parsePort(a); err != nil {
		return 0, 0, usageError(hint, "--kafka-ports: %v", err)
	}
	if last, err = parsePort(b); err != nil {
		return 0, 0, usageError(hint, "--kafka-ports: %v", err)
	}
	if (first == 0) != (last == 0) || first > last {
		return 0, 0, usageError(hint, "--kafka-ports %q holds no ports", text)
	}
	return first, last, nil
}

// parseRegion reads CLOUD/REGION; "" is any of both. Clouds are in upper case, as in the API.
func parseRegion(text string) (cloud, region string, err error) {
	if text == "" {
		return "", "", nil
	}
	cloud, region, ok := strings.Cut(text, "/")
	if !ok || cloud == "" || region == "" || strings.ContainsAny(region, "/ \t") {
		return "", "", usageError("it looks like aws/eu-central-1", "--region %q is not CLOUD/REGION", text)
	}
	return strings.ToUpper(cloud), region, nil
}

// parseEngine reads --engine.
func parseEngine(text string) (string, error) {
	word, err := oneWord("engine", text, "embedded", "kafka")
	if err != nil {
		return "", err
	}
	return map[string]string{"embedded": orrery.EngineEmbedded, "kafka": orrery.EngineApache}[word], nil
}

// newLogger makes the logger of --log-level and --log-format.
func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var least slog.Level
	word, err := oneWord("log-level", level, "debug", "info", "warn", "error")
	if err != nil {
		return nil, err
	}
	if err := least.UnmarshalText([]byte(word)); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usageError("choose one of text, json", "--log-format %q is not offered", format)
}

package main

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// connection is how to reach the API: resolved from flags, environment and file, else from admin.env.
type connection struct {
	url, keyID, secret string
	// caFile is a PEM file of authorities to trust instead of the system's, or "".
	caFile string
}

const hintNoServer = "start one with `orrery up` (in another terminal); if it runs on another data directory, name that with --dir or ORRERY_DIR;\nfor a server elsewhere set ORRERY_URL, ORRERY_API_KEY and ORRERY_API_SECRET"

// connection finds the server and the key. admin.env counts for its own server only: a secret is never sent to
// another address than the one it was made for.
func (p *program) connection() (connection, error) {
	g := &p.global
	switch {
	case g.apiKey != "" && g.apiSecret == "":
		return connection{}, usageError("set --api-secret or ORRERY_API_SECRET", "the API key %s is given without its secret", g.apiKey)
	case g.apiKey == "" && g.apiSecret != "":
		return connection{}, usageError("set --api-key or ORRERY_API_KEY", "an API secret is given without its key")
	}
	c := connection{url: g.url, keyID: g.apiKey, secret: g.apiSecret, caFile: g.caFile}
	if c.url == "" || c.keyID == "" || c.caFile == "" {
		if err := p.completeFromAdminEnv(&c); err != nil {
			return connection{}, err
		}
	}
	if err := checkURL(c.url); err != nil {
		return connection{}, err
	}
	if c.keyID == "" {
		return connection{}, usageError("set ORRERY_API_KEY and ORRERY_API_SECRET to a Cloud API key of that server", "no API key is given for %s", c.url)
	}
	g.url, g.caFile = c.url, c.caFile // what later errors name
	return c, nil
}

// completeFromAdminEnv fills in what is not set yet. A missing file is an error only where it was the last place
// to look.
func (p *program) completeFromAdminEnv(c *connection) error {
	path := p.adminEnvPath()
	if path == "" {
		if c.url == "" {
			return failed(hintNoServer, "no server is named, and without $HOME there is no default directory to look in")
		}
		return nil
	}
	admin, err := readAdminEnv(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if c.url == "" {
			return failed(hintNoServer, "no server is named, and %s does not exist", path).because(err).withCode(orrery.NotFound)
		}
		return nil
	case err != nil && c.url != "" && c.keyID != "":
		return nil // enough is given without it
	case err != nil:
		return err
	}
	if c.url == "" {
		c.url = admin.url
	}
	if !sameServer(c.url, admin.url) {
		return nil
	}
	if c.keyID == "" {
		c.keyID, c.secret = admin.keyID, admin.secret
	}
	if c.caFile == "" {
		c.caFile = admin.caFile
	}
	return nil
}

func sameServer(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// checkURL refuses what is no URL, and plain HTTP to another machine, which would show the secret to everyone on
// the way.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return usageError("it looks like http://127.0.0.1:8080 or https://orrery.example.com", "--url: not the URL of a server")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return usageError("use https:// (`orrery up --tls-listen` serves it)", "%s would send the API secret in clear over the network", address)
	}
	return nil
}

// loopback reports whether a host is this machine and nothing else.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// caFile finds the CA file for Kafka endpoints without insisting on a server: the one that is set, else that of
// admin.env where it belongs to the same server, else "" for the system's authorities.
func (p *program) caFile() string {
	if p.global.caFile != "" {
		return p.global.caFile
	}
	admin, err := readAdminEnv(p.adminEnvPath())
	if err != nil || (p.global.url != "" && !sameServer(p.global.url, admin.url)) {
		return ""
	}
	return admin.caFile
}

// readCAFile returns the PEM of a CA file with an error that names it.
func readCAFile(path string) ([]byte, error) {
	pem, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failed("`orrery up` prints where its CA file is; name it with --ca-file or ORRERY_CA_FILE", "the CA file %s does not exist", path).because(err)
	case err != nil:
		return nil, failed("", "the CA file cannot be read: %v", err).because(err)
	}
	return pem, nil
}

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// adminEnv is the content of DIR/admin.env: how to reach the server that `orrery up` runs, and its first key.
type adminEnv struct {
	url, keyID, secret, caFile string
}

const maxAdminEnv = 64 << 10 // bytes

// readAdminEnv reads a file that `orrery up` wrote. A file that is not there is an error that fs.ErrNotExist
// matches.
func readAdminEnv(path string) (adminEnv, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return adminEnv{}, err
	case errors.Is(err, fs.ErrPermission):
		return adminEnv{}, failed("`orrery up` wrote it for the user who started it: run as that user, or name a server and a key of your own with ORRERY_URL, ORRERY_API_KEY and ORRERY_API_SECRET",
			"%s may not be read by this user", path).because(err)
	case err != nil:
		return adminEnv{}, failed("", "%s cannot be read: %v", path, err).because(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxAdminEnv+1))
	if err != nil {
		return adminEnv{}, failed("", "%s cannot be read: %v", path, err).because(err)
	}
	admin, err := parseAdminEnv(content)
	if err != nil {
		return adminEnv{}, failed("`orrery up` writes this file; start it again to have it written anew, or restore it from a backup", "%s: %v", path, err)
	}
	return admin, nil
}

// parseAdminEnv reads NAME=VALUE lines strictly: the four names that `orrery up` writes, each exactly once, the
// value as it stands. Empty lines and lines that begin with "#" are skipped. No error quotes a value.
func parseAdminEnv(content []byte) (adminEnv, error) {
	if len(content) > maxAdminEnv {
		return adminEnv{}, fmt.Errorf("larger than %d bytes", maxAdminEnv)
	}
	var admin adminEnv
	fields := map[string]*string{
		"ORRERY_URL": &admin.url, "ORRERY_API_KEY": &admin.keyID, "ORRERY_API_SECRET": &admin.secret, "ORRERY_CA_FILE": &admin.caFile,
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		field := fields[name]
		switch {
		case !ok:
			return adminEnv{}, fmt.Errorf("line %d is not NAME=VALUE", number)
		case field == nil:
			return adminEnv{}, fmt.Errorf("line %d has an unknown name", number)
		case *field != "":
			return adminEnv{}, fmt.Errorf("line %d repeats %s", number, name)
		case value == "":
			return adminEnv{}, fmt.Errorf("line %d: %s is empty", number, name)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
			return adminEnv{}, fmt.Errorf("line %d: %s holds a character that does not belong there", number, name)
		}
		*field = value
	}
	if err := lines.Err(); err != nil {
		return adminEnv{}, err
	}
	for _, name := range []string{"ORRERY_URL", "ORRERY_API_KEY", "ORRERY_API_SECRET", "ORRERY_CA_FILE"} {
		if *fields[name] == "" {
			return adminEnv{}, fmt.Errorf("%s is missing", name)
		}
	}
	return admin, nil
}

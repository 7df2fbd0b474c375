package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// savedKey is a cluster's API key as `orrery api-key create --save` keeps it: a file for each cluster, readable
// by its owner only, in the user's configuration directory. It is the one place where the CLI stores a secret.
type savedKey struct {
	APIKey    string `json:"api_key"`
	APISecret string `json:"api_secret"`
}

// savedKeyPath is the file of a cluster's key. The id is checked, for it becomes a file name.
func (p *program) savedKeyPath(clusterID string) (string, error) {
	if !orrery.HasPrefix(clusterID, orrery.PrefixLogicalKafka) || strings.ContainsAny(clusterID, `/\.`) {
		if clusterID == "" {
			clusterID = "cloud"
		}
		return "", usageError("a key can be saved for one cluster: --resource CLUSTER", "%q is not a Kafka cluster", clusterID)
	}
	dir := p.configDirectory()
	if dir == "" {
		return "", failed("set HOME or XDG_CONFIG_HOME", "there is no home directory to keep a key in")
	}
	return filepath.Join(dir, "keys", clusterID+".json"), nil
}

// saveKey stores a cluster's key, replacing the one before, and returns the file.
func (p *program) saveKey(clusterID string, key savedKey) (string, error) {
	path, err := p.savedKeyPath(clusterID)
	if err != nil {
		return "", err
	}
	document, err := json.MarshalIndent(key, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, durable.WriteFile(path, append(document, '\n'), 0o600)
}

// loadKey returns the saved key of a cluster; ok is false where none is saved. It refuses a file that others may
// read.
func (p *program) loadKey(clusterID string) (key savedKey, ok bool, err error) {
	path, err := p.savedKeyPath(clusterID)
	if err != nil {
		return savedKey{}, false, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return savedKey{}, false, nil
	case err != nil:
		return savedKey{}, false, err
	case info.Mode().Perm()&0o077 != 0:
		return savedKey{}, false, failed("chmod 600 "+path, "%s holds a secret and other users may read it", path)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		return savedKey{}, false, err
	}
	if err := json.Unmarshal(document, &key); err != nil || key.APIKey == "" || key.APISecret == "" {
		return savedKey{}, false, failed("create another key: orrery api-key create --resource "+clusterID+" --save", "%s is damaged", path)
	}
	return key, true, nil
}

// forgetKey removes the saved key of a cluster, if keyID is "" or the one that is saved. One that is not there
// is no error.
func (p *program) forgetKey(clusterID, keyID string) error {
	key, ok, err := p.loadKey(clusterID)
	if err != nil || !ok || (keyID != "" && key.APIKey != keyID) {
		return err
	}
	path, err := p.savedKeyPath(clusterID)
	if err != nil {
		return err
	}
	return os.Remove(path)
}

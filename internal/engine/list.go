package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Cached says what the cache holds of a version.
type Cached struct {
	// Version is one of Versions.
	Version string
	// Dir is where its installation is, or would be.
	Dir string
	// Fetched is true where the files are there, and Ready where a class archive is too, so that brokers can be started
	// without the network. Whether the archive fits the java program of the moment, Install sees.
	Fetched, Ready bool
}

// List returns for each of Versions what cacheDir (empty: as in Config) holds of it. It looks at names only; Install
// holds the files against their checksums.
func List(cacheDirectory string) ([]Cached, error) {
	cache, err := cacheDir(cacheDirectory)
	if err != nil {
		return nil, err
	}
	var list []Cached
	for _, version := range Versions() {
		c := Cached{Version: version, Dir: installationDir(cache, version)}
		if c.Fetched, err = exists(c.Dir); err != nil {
			return nil, err
		}
		archives, err := filepath.Glob(filepath.Join(c.Dir, archivePrefix+"*"+archiveSuffix))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Dir, err)
		}
		formatted, err := exists(filepath.Join(c.Dir, bootstrapFile))
		if err != nil {
			return nil, err
		}
		c.Ready = c.Fetched && formatted && len(archives) > 0
		list = append(list, c)
	}
	return list, nil
}

// installationDir is where a version is below the cache.
func installationDir(cache, version string) string {
	return filepath.Join(cache, version+"-"+wanted(version).fingerprint())
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

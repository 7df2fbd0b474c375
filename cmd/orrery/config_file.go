package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sigs.k8s.io/yaml"
)

// maxConfigFile bounds a configuration file, in bytes.
const maxConfigFile = 1 << 20

// configFile is a parsed configuration file: for each key its value, or several for a list. The zero configFile
// is that of somebody who has none.
type configFile struct {
	path   string
	values map[string][]string
}

// loadConfigFile reads the file that --config or ORRERY_CONFIG names, which must exist, or else the first that
// exists of DIR/orrery.yaml and ~/.config/orrery/config.yaml.
func (p *program) loadConfigFile() (configFile, error) {
	if path := p.global.config; path != "" {
		file, err := readConfigFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return file, usageError("check --config and ORRERY_CONFIG", "the configuration file %s does not exist", path)
		}
		return file, err
	}
	for _, path := range p.defaultConfigFiles() {
		file, err := readConfigFile(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return configFile{}, nil
}

func (p *program) defaultConfigFiles() []string {
	var paths []string
	if dir := p.directory(); dir != "" {
		paths = append(paths, filepath.Join(dir, "orrery.yaml"))
	}
	if dir := p.configDirectory(); dir != "" {
		paths = append(paths, filepath.Join(dir, "config.yaml"))
	}
	return paths
}

func readConfigFile(path string) (configFile, error) {
	f, err := os.Open(path)
	if errors.Is(err, syscall.ENOTDIR) { // the directory is a file: whoever needs a directory says so better
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		return configFile{path: path}, err
	}
	if err != nil {
		return configFile{path: path}, usageError("", "the configuration file cannot be read: %v", err).because(err)
	}
	defer f.Close()
	document, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err != nil {
		return configFile{path: path}, usageError("", "the configuration file cannot be read: %v", err)
	}
	values, err := parseConfig(document)
	if err != nil {
		return configFile{path: path}, usageError("a configuration file has lines such as \"output: json\"; see `orrery help configuration`", "%s: %v", path, err)
	}
	return configFile{path, values}, nil
}

// parseConfig reads a YAML mapping of keys to a scalar or a list of scalars.
func parseConfig(document []byte) (map[string][]string, error) {
	if len(document) > maxConfigFile {
		return nil, fmt.Errorf("larger than %d bytes", maxConfigFile)
	}
	asJSON, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber()
	var parsed any
	if err := decoder.Decode(&parsed); err != nil {
		return nil, err
	}
	mapping, ok := parsed.(map[string]any)
	if !ok && parsed != nil {
		return nil, errors.New("expected lines of KEY: VALUE")
	}
	values := make(map[string][]string, len(mapping))
	for key, value := range mapping {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, element := range list {
			text, err := scalar(element)
			if err != nil {
				return nil, fmt.Errorf("key %s: %w", key, err)
			}
			values[key] = append(values[key], text)
		}
	}
	return values, nil
}

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	case nil:
		return "", errors.New("the value is missing")
	default:
		return "", errors.New("expected a single value or a list of single values")
	}
}

// checkKeys refuses a key that no flag has.
func (c configFile) checkKeys(known map[string]bool) error {
	keys := make([]string, 0, len(c.values))
	for key := range c.values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if known[key] {
			continue
		}
		hint := "a key is a flag's name without the dashes; see `orrery help configuration`"
		if other := strings.ReplaceAll(strings.ToLower(key), "_", "-"); known[other] {
			hint = fmt.Sprintf("did you mean %q?", other)
		}
		return usageError(hint, "%s: unknown key %q", c.path, key)
	}
	return nil
}

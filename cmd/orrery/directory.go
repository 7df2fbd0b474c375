package main

import (
	"path/filepath"
)

// directory is the data directory of `orrery up`, or "" where the environment does not even have a home: --dir
// or ORRERY_DIR, else $XDG_DATA_HOME/orrery, else ~/.local/share/orrery (on macOS ~/Library/Application
// Support/orrery).
func (p *program) directory() string {
	if p.global.dir != "" {
		return p.global.dir
	}
	if data := p.environ["XDG_DATA_HOME"]; filepath.IsAbs(data) {
		return filepath.Join(data, "orrery")
	}
	home := p.environ["HOME"]
	switch {
	case home == "":
		return ""
	case p.operatingSys == "darwin":
		return filepath.Join(home, "Library", "Application Support", "orrery")
	default:
		return filepath.Join(home, ".local", "share", "orrery")
	}
}

// configDirectory holds the user's own config.yaml and saved keys: $XDG_CONFIG_HOME/orrery, else
// ~/.config/orrery, or "" without a home.
func (p *program) configDirectory() string {
	if config := p.environ["XDG_CONFIG_HOME"]; filepath.IsAbs(config) {
		return filepath.Join(config, "orrery")
	}
	if home := p.environ["HOME"]; home != "" {
		return filepath.Join(home, ".config", "orrery")
	}
	return ""
}

// adminEnvPath is where `orrery up` leaves the admin key, or "" without a directory.
func (p *program) adminEnvPath() string {
	if dir := p.directory(); dir != "" {
		return filepath.Join(dir, "admin.env")
	}
	return ""
}

package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/satellite"
)

// controlCluster is the control plane's own Kafka, which carries the link. Its desired state comes from a file
// beside the satellite and needs no link.
const controlCluster = "pkc-control"

// localPSCs reads the physical clusters that need no link from DIR/satellite/local/ID.json. At the first start
// it writes the one of pkc-control.
func (s *Server) localPSCs() ([]satellite.Local, error) {
	dir := s.directory.join("satellite", "local")
	for _, d := range []string{dir, s.directory.join("satellite", "ledger")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, directoryError(s.directory.path, err)
		}
	}
	name := filepath.Join(dir, controlCluster+".json")
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		document, err := json.MarshalIndent(s.hosted.control, "", "  ")
		if err != nil {
			return nil, err
		}
		if err := writeFile(name, append(document, '\n'), 0o600); err != nil {
			return nil, err
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	found := map[string]satellite.Local{}
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			return nil, directoryError(s.directory.path, err)
		}
		id := strings.TrimSuffix(filepath.Base(file), ".json")
		local := satellite.Local{ID: id}
		if err := json.Unmarshal(document, &local.Spec); err != nil {
			return nil, orrery.Errorf(orrery.Invalid, "%s is not the JSON of a physical cluster (%v): correct it or restore it from a backup", file, err)
		}
		found[id] = local
	}
	if _, ok := found[controlCluster]; !ok {
		return nil, fmt.Errorf("%s is missing", name)
	}
	var locals []satellite.Local
	for _, id := range slices.Sorted(maps.Keys(found)) {
		locals = append(locals, found[id])
	}
	return locals, nil
}

package engine

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var testVoters = []Voter{
	{NodeID: 0, DirectoryID: "aeh1oqOJTVamCRUSn2QDVQ", Address: "127.0.0.1:19093"},
	{NodeID: 1, DirectoryID: "lS7BpUusSF-v-vV8igL6Aw", Address: "127.0.0.1:65535"},
	{NodeID: 20, DirectoryID: "W1ivNE-4Tg2jM-zcX_Sbkw", Address: "controller-20.example:1"},
}

// TestFormatIsKafkasOwn holds Format against the format command of each version: the same files with the same content,
// timestamps (and so checksums) apart.
func TestFormatIsKafkasOwn(t *testing.T) {
	for _, version := range Versions() {
		i := installed(t, version)
		formatBoth(t, i, testVoters)
	}
	formatBoth(t, installed(t, DefaultVersion), nil)
}

func formatBoth(t *testing.T, i Installation, voters []Voter) {
	t.Helper()
	// The command makes up directory ids of nodes that are no voters, so its own is taken over.
	theirs, ours := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "data")
	s := Storage{ClusterID: "4L6g3nShT-eMCtK--X86sw", NodeID: 1, ControllerListener: "CONTROLLER", Voters: voters}
	properties, err := Server{
		NodeID: 1, DataDir: theirs, ControllerListener: "CONTROLLER", InterBrokerListener: "PLATFORM", Voters: testVoters,
		Listeners: []Listener{
			{Name: "PLATFORM", Protocol: "PLAINTEXT", Address: "127.0.0.1:19092"},
			{Name: "CONTROLLER", Protocol: "PLAINTEXT", Address: "127.0.0.1:65535"},
		},
	}.Properties()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "server.properties")
	if err := os.WriteFile(file, properties, 0o600); err != nil {
		t.Fatal(err)
	}
	how := []string{"--no-initial-controllers"}
	if len(voters) > 0 {
		var list []string
		for _, v := range voters {
			list = append(list, strconv.Itoa(int(v.NodeID))+"@"+v.Address+":"+v.DirectoryID)
		}
		how = []string{"--initial-controllers", strings.Join(list, ",")}
	}
	arguments := append([]string{"format", "--cluster-id", s.ClusterID, "--config", file}, how...)
	output, err := exec.CommandContext(t.Context(), i.Java, i.Arguments(JVM{HeapMiB: 128}, "kafka.tools.StorageTool", arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	meta, err := os.ReadFile(filepath.Join(theirs, "meta.properties"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(meta), "directory.id=")
	s.DirectoryID, _, _ = strings.Cut(rest, "\n")
	if err := i.Format(ours, s, time.Now()); err != nil {
		t.Fatal(err)
	}
	want, have := contents(t, theirs), contents(t, ours)
	for name := range want {
		if want[name] != have[name] {
			t.Errorf("%s: %s:\nformat writes %q\nFormat writes %q", i.Version, name, want[name], have[name])
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: only Format writes %s", i.Version, name)
		}
	}
}

// contents are the files below a directory, without what differs from run to run.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		if strings.HasSuffix(path, ".checkpoint") {
			content = timeless(t, content)
		} else {
			lines := slices.DeleteFunc(strings.Split(string(content), "\n"), func(l string) bool { return strings.HasPrefix(l, "#") })
			slices.Sort(lines)
			content = []byte(strings.Join(lines, "\n"))
		}
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// timeless blanks each batch's checksum and timestamps, and the timestamp in the snapshot's header.
func timeless(t *testing.T, checkpoint []byte) []byte {
	t.Helper()
	checkpoint = bytes.Clone(checkpoint)
	for rest := checkpoint; len(rest) > 0; {
		if len(rest) < 61 || len(rest) < 12+int(binary.BigEndian.Uint32(rest[8:])) {
			t.Fatalf("a batch of %d bytes is cut off", len(rest))
		}
		clear(rest[17:21])
		clear(rest[27:43])
		rest = rest[12+int(binary.BigEndian.Uint32(rest[8:])):]
	}
	clear(checkpoint[73:81])
	return checkpoint
}

func TestFormatTwice(t *testing.T) {
	i := Installation{Bootstrap: []byte("features")}
	dir := filepath.Join(t.TempDir(), "data")
	s := Storage{ClusterID: "4L6g3nShT-eMCtK--X86sw", NodeID: 1, DirectoryID: testVoters[1].DirectoryID, ControllerListener: "C", Voters: testVoters}
	if err := i.Format(dir, s, time.UnixMilli(1)); err != nil {
		t.Fatal(err)
	}
	checkpoint := filepath.Join(dir, "__cluster_metadata-0", "00000000000000000000-0000000000.checkpoint")
	before, err := os.ReadFile(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Format(dir, s, time.UnixMilli(2)); err != nil {
		t.Errorf("again: %v", err)
	}
	if after, err := os.ReadFile(checkpoint); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it was formatted again (%v)", err)
	}
	other := s
	other.NodeID = 2
	if err := i.Format(dir, other, time.UnixMilli(2)); err == nil || !strings.Contains(err.Error(), "belongs to node 1 ") {
		t.Errorf("another node's directory: %v", err)
	}
	other = s
	other.ClusterID = testVoters[0].DirectoryID
	if err := i.Format(dir, other, time.UnixMilli(2)); err == nil || !strings.Contains(err.Error(), s.ClusterID) {
		t.Errorf("another cluster's directory: %v", err)
	}
	// Interrupted before the end: completed.
	if err := os.Remove(filepath.Join(dir, "meta.properties")); err != nil {
		t.Fatal(err)
	}
	if err := i.Format(dir, s, time.UnixMilli(3)); err != nil {
		t.Errorf("after an interruption: %v", err)
	}
}

func TestFormatBadInput(t *testing.T) {
	good := Storage{ClusterID: "4L6g3nShT-eMCtK--X86sw", DirectoryID: testVoters[0].DirectoryID, ControllerListener: "C", Voters: testVoters}
	for name, spoil := range map[string]func(*Storage){
		"cluster id":         func(s *Storage) { s.ClusterID = "short" },
		"directory id":       func(s *Storage) { s.DirectoryID = "" },
		"voter's directory":  func(s *Storage) { s.Voters = []Voter{{Address: "h:1", DirectoryID: "x"}} },
		"voter's address":    func(s *Storage) { s.Voters = []Voter{{Address: "h", DirectoryID: s.DirectoryID}} },
		"voter's port":       func(s *Storage) { s.Voters = []Voter{{Address: "h:65536", DirectoryID: s.DirectoryID}} },
		"voter's named port": func(s *Storage) { s.Voters = []Voter{{Address: "h:http", DirectoryID: s.DirectoryID}} },
	} {
		s := good
		spoil(&s)
		dir := filepath.Join(t.TempDir(), "data")
		if err := (Installation{}).Format(dir, s, time.Time{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(filepath.Join(dir, "meta.properties")); err == nil {
			t.Errorf("%s: it was formatted all the same", name)
		}
	}
}

func TestNewID(t *testing.T) {
	hyphen := bytes.Repeat([]byte{0xf8}, 16) // begins with a hyphen in base64url
	id, err := NewID(bytes.NewReader(append(hyphen, bytes.Repeat([]byte{1}, 16)...)))
	if err != nil || id[0] == '-' {
		t.Fatal(id, err)
	}
	if decoded, err := base64.RawURLEncoding.DecodeString(id); err != nil || decoded[0] != 1 || len(decoded) != 16 {
		t.Errorf("%s is %v, %v", id, decoded, err)
	}
	if _, err := NewID(iotest.ErrReader(context.Canceled)); err == nil {
		t.Error("without random: no error")
	}
}

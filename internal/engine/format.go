package engine

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/durable"
)

// NewID makes an id for a cluster or for a data directory: 16 bytes of random, base64url. Like Kafka's own it does
// not begin with a hyphen, which would make it an option on a command line, and is none of the reserved ids, which
// begin with many zeros.
func NewID(random io.Reader) (string, error) {
	for {
		var id [16]byte
		if _, err := io.ReadFull(random, id[:]); err != nil {
			return "", err
		}
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, as Java's
		if text := base64.RawURLEncoding.EncodeToString(id[:]); text[0] != '-' {
			return text, nil
		}
	}
}

func parseID(text string) (id [16]byte, err error) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(decoded) != len(id) {
		return id, fmt.Errorf("%q is not 16 bytes in base64url", text)
	}
	return [16]byte(decoded), nil
}

// metaFile is in a data directory that is formatted.
const metaFile = "meta.properties"

// Storage says how a node's data directory is formatted.
type Storage struct {
	ClusterID string
	NodeID    int32
	// DirectoryID is the directory's id; a voter's is the one in Voters.
	DirectoryID string
	// ControllerListener is the name of the controllers' listener.
	ControllerListener string
	// Voters are the first controllers of a new cluster. Empty for a node that joins one, such as a voter with a
	// replaced disk: told its voters again it could found a second quorum.
	Voters []Voter
}

// Format prepares a data directory as `format --initial-controllers` of the installed version does (without Voters, as
// `format --no-initial-controllers`), without starting a JVM. A directory that is formatted for this cluster and node
// stays as it is; one that is formatted for another is an error. An interrupted Format is completed by the next.
func (i Installation) Format(dir string, s Storage, now time.Time) error {
	if _, err := parseID(s.ClusterID); err != nil {
		return fmt.Errorf("format %s: cluster id: %w", dir, err)
	}
	if _, err := parseID(s.DirectoryID); err != nil {
		return fmt.Errorf("format %s: directory id: %w", dir, err)
	}
	meta := filepath.Join(dir, metaFile)
	if have, err := os.ReadFile(meta); err == nil {
		return checkMeta(dir, have, s)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if len(s.Voters) > 0 {
		checkpoint, err := votersCheckpoint(s, now)
		if err != nil {
			return fmt.Errorf("format %s: %w", dir, err)
		}
		metadata := filepath.Join(dir, "__cluster_metadata-0")
		if err := os.MkdirAll(metadata, 0o755); err != nil {
			return err
		}
		if err := durable.WriteFile(filepath.Join(metadata, "00000000000000000000-0000000000.checkpoint"), checkpoint, 0o644); err != nil {
			return err
		}
	}
	if err := durable.WriteFile(filepath.Join(dir, bootstrapFile), i.Bootstrap, 0o644); err != nil {
		return err
	}
	// Last, because its presence says that the directory is formatted.
	return durable.WriteFile(meta, fmt.Appendf(nil, "cluster.id=%s\ndirectory.id=%s\nnode.id=%d\nversion=1\n", s.ClusterID, s.DirectoryID, s.NodeID), 0o644)
}

// DirectoryID returns the id of a data directory; "" where it is not formatted.
func DirectoryID(dir string) (string, error) {
	meta, err := os.ReadFile(filepath.Join(dir, metaFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return readMeta(meta)["directory.id"], err
}

func readMeta(meta []byte) map[string]string {
	have := map[string]string{}
	for line := range strings.Lines(string(meta)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		have[key] = value
	}
	return have
}

func checkMeta(dir string, meta []byte, s Storage) error {
	have := readMeta(meta)
	if have["cluster.id"] != s.ClusterID || have["node.id"] != strconv.Itoa(int(s.NodeID)) {
		return fmt.Errorf("%s belongs to node %s of cluster %s, not to node %d of cluster %s", dir, have["node.id"], have["cluster.id"], s.NodeID, s.ClusterID)
	}
	return nil
}

// Types of control records (KIP-630, KIP-853).
const (
	controlSnapshotHeader = 3
	controlSnapshotFooter = 4
	controlKRaftVersion   = 5
	controlVoters         = 6
)

// votersCheckpoint is the snapshot at offset 0 of a new cluster's metadata log: its header, KRaft version 1 (a quorum
// whose voters can change, KIP-853) and the first voters, then the footer.
func votersCheckpoint(s Storage, now time.Time) ([]byte, error) {
	header := append(kbin.AppendInt64(kbin.AppendInt16(nil, 0), now.UnixMilli()), 0)
	version := append(kbin.AppendInt16(kbin.AppendInt16(nil, 0), 1), 0)
	voters := kbin.AppendCompactArrayLen(kbin.AppendInt16(nil, 0), len(s.Voters))
	for _, voter := range s.Voters {
		id, err := parseID(voter.DirectoryID)
		if err != nil {
			return nil, fmt.Errorf("directory id of voter %d: %w", voter.NodeID, err)
		}
		host, port, err := net.SplitHostPort(voter.Address)
		if err != nil {
			return nil, fmt.Errorf("voter %d: %w", voter.NodeID, err)
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("voter %d: port %q is not a number below 65536", voter.NodeID, port)
		}
		voters = kbin.AppendUuid(kbin.AppendInt32(voters, voter.NodeID), id)
		voters = kbin.AppendCompactArrayLen(voters, 1)
		voters = kbin.AppendCompactString(kbin.AppendCompactString(voters, s.ControllerListener), host)
		voters = append(kbin.AppendUint16(voters, uint16(number)), 0)
		voters = append(kbin.AppendInt16(kbin.AppendInt16(voters, 0), 1), 0) // supports KRaft versions 0 to 1
		voters = append(voters, 0)
	}
	voters = append(voters, 0)
	checkpoint := appendControlBatch(nil, 0, now, controlRecord{controlSnapshotHeader, header},
		controlRecord{controlKRaftVersion, version}, controlRecord{controlVoters, voters})
	footer := append(kbin.AppendInt16(nil, 0), 0)
	return appendControlBatch(checkpoint, 3, now, controlRecord{controlSnapshotFooter, footer}), nil
}

type controlRecord struct {
	kind  int16
	value []byte
}

// appendControlBatch appends one batch of control records.
func appendControlBatch(dst []byte, offset int64, now time.Time, records ...controlRecord) []byte {
	const isControl = 1 << 5
	batch := kmsg.RecordBatch{
		FirstOffset: offset, Magic: 2, Attributes: isControl, LastOffsetDelta: int32(len(records) - 1),
		FirstTimestamp: now.UnixMilli(), MaxTimestamp: now.UnixMilli(), ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(records)),
	}
	for delta, r := range records {
		record := kmsg.Record{OffsetDelta: int32(delta), Key: kbin.AppendInt16(kbin.AppendInt16(nil, 0), r.kind), Value: r.value}
		record.Length = int32(len(record.AppendTo(nil)) - 1) // less the length itself, one byte while it is 0
		batch.Records = record.AppendTo(batch.Records)
	}
	const beforeLength, beforeSum = 12, 21 // bytes of the frame before what Length counts, and before what CRC covers
	frame := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(frame[8:], uint32(len(frame)-beforeLength))
	binary.BigEndian.PutUint32(frame[17:], crc32.Checksum(frame[beforeSum:], crc32.MakeTable(crc32.Castagnoli)))
	return append(dst, frame...)
}

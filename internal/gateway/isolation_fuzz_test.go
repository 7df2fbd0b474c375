package gateway_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
)

// corpus has one valid request of each key and version that is offered: go test -fuzz begins with them, and every
// run of the tests sends them.
const corpus = "testdata/fuzz/FuzzIsolation"

// Whatever a tenant sends as a request (go test -run - -fuzz FuzzIsolation -fuzzminimizetime 1x), nothing of another tenant is in what it is answered or changed by it, and
// the gateway and its broker go on.
func FuzzIsolation(f *testing.F) {
	w := newWorld(f)
	who, fingerprint, runs := w.intruders[1], w.fingerprint(), 0
	conn := w.dial(who)
	f.Cleanup(func() { conn.conn.Close() })
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		w.t = t
		if !w.throw(conn, key, version, body) {
			conn.conn.Close()
			next, err := w.open(who)
			if err != nil {
				t.Fatal(err)
			}
			conn = next
		}
		for _, found := range w.taken() {
			t.Error(found)
		}
		if runs++; runs%100 == 0 {
			if change := difference(fingerprint, w.fingerprint()); change != "" {
				t.Errorf("the victim changed:\n%s", change)
			}
		}
	})
}

// throw sends a request and one that is always answered, reads what comes, and reports whether the connection is
// still good.
func (w *world) throw(l *line, key, version int16, body []byte) bool {
	frame := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, uint16(key))
	frame = binary.BigEndian.AppendUint16(frame, uint16(version))
	frame = binary.BigEndian.AppendUint32(frame, 1<<30)
	frame = append(kbin.AppendString(frame, l.who.clientID), body...)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	last := kmsg.NewPtrApiVersionsRequest()
	l.next++
	l.conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := l.conn.Write(append(frame, l.format.AppendRequest(nil, last, l.next)...)); err != nil {
		return false
	}
	for {
		var size [4]byte
		if _, err := io.ReadFull(l.conn, size[:]); err != nil {
			return false
		}
		answer := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(l.conn, answer); err != nil {
			return false
		}
		for what, secret := range l.who.secrets {
			if bytes.Contains(answer, secret) && !bytes.Contains(body, secret) {
				w.find(finding{l.who.logicalClusterID, fmt.Sprintf("from the gateway to key %d version %d", key, version), fmt.Sprintf("%s: %q", what, secret)})
			}
		}
		if binary.BigEndian.Uint32(answer) == uint32(l.next) {
			return true
		}
	}
}

// The corpus has what is offered, and each of it can be read.
func TestGoldenIsolationCorpus(t *testing.T) {
	updating := flag.Lookup("update").Value.String() == "true"
	for key := range int16(kmsg.MaxKey + 1) {
		minVersion, maxVersion, offered := gateway.OfferedVersions(key)
		for v := minVersion; offered && v <= maxVersion; v++ {
			name := filepath.Join(corpus, fmt.Sprintf("%02d-%s-v%d", key, kmsg.NameForKey(key), v))
			if updating {
				if err := os.MkdirAll(corpus, 0o755); err != nil {
					t.Fatal(err)
				}
				text := fmt.Sprintf("go test fuzz v1\nint16(%d)\nint16(%d)\n[]byte(%q)\n", key, v, validBody(key, v))
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Errorf("%v; to make it: go test ./internal/gateway -run GoldenIsolation -update", err)
			} else if want := fmt.Sprintf("go test fuzz v1\nint16(%d)\nint16(%d)\n", key, v); !bytes.HasPrefix(text, []byte(want)) {
				t.Errorf("%s is not a request of its key and version", name)
			}
		}
	}
}

// validBody is a request behind the client id: its tags, where it has some, and what is asked.
func validBody(key, version int16) []byte {
	g := generator{rand.New(rand.NewSource(int64(key)<<8 + int64(version))), &loot{}}
	request := g.request(key, version)
	var body []byte
	if request.IsFlexible() {
		body = append(body, 0)
	}
	return request.AppendTo(body)
}

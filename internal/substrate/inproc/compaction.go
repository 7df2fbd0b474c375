package inproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/durable"
)

// Compaction of the engine stands still everything else while it runs, some seconds per GiB, and rewrites the
// files of every compacted partition in place. So it is done only where as much was written as was left by the
// last one, and not at all beyond maxCompacted; and it is made safe against a crash:
//
//  1. Retention is lifted from all topics, because the engine applies it together with compaction, to topics that
//     are only compacted too. What was set is noted in keptFile before and set again after.
//  2. While the engine holds every request, each file that it will rewrite gets a second name (a hard link) in
//     keptDir, then keptMark is written: from here on a crash may have cut a partition.
//  3. The engine compacts. It writes a partition's last batch unchanged and last.
//  4. keptDir goes.
//
// Opening the data after a crash between 2 and 4 takes back the kept files of each partition whose last batch is
// not there, whole.
const (
	minCompacted = 8 << 20
	maxCompacted = 1 << 30

	keptDir  = "compaction"     // beside the data, on the same file system
	keptMark = "complete"       // in keptDir
	keptFile = "retention.json" // beside the data
	partsDir = "partitions"     // of the engine, in the data
	holdTime = 2 * time.Minute  // bounds the wait for a compaction
	apiVers  = kmsg.ApiVersions // the request that the engine holds while it compacts
	noLimit  = "-1"
)

// compactIfDue compacts when the compacted topics have grown enough.
func (e *engine) compactIfDue(ctx context.Context, client *kgo.Client, topics []logTopic) error {
	size := e.compactedBytes(topics)
	if size-e.compactedSize < max(e.compactionFloor, e.compactedSize) {
		return nil
	}
	if size > maxCompacted {
		e.logger.Warn("the compacted topics are too large for the embedded engine to compact: it would stand still for too long", "bytes", size, "limit", int64(maxCompacted))
		return nil
	}
	if err := e.compact(ctx, client, topics); err != nil {
		return fmt.Errorf("compacting: %w", err)
	}
	e.compactedSize = e.compactedBytes(topics)
	e.logger.Debug("compacted", "bytes_before", size, "bytes_after", e.compactedSize)
	return nil
}

func (e *engine) compactedBytes(topics []logTopic) (size int64) {
	for _, t := range topics {
		if !t.compacted {
			continue
		}
		for _, p := range e.cluster.PartitionInfos(t.name) {
			size += p.NumBytes
		}
	}
	return size
}

// compact runs steps 1 to 4. The engine is locked.
func (e *engine) compact(ctx context.Context, client *kgo.Client, topics []logTopic) error {
	restore, err := e.liftRetention(ctx, client, topics)
	if err != nil {
		return err
	}
	compacted := slices.DeleteFunc(slices.Clone(topics), func(t logTopic) bool { return !t.compacted })
	held := e.held(ctx, func() error {
		if err := e.unchanged(topics); err != nil {
			return err
		}
		if err := e.keep(compacted); err != nil {
			return err
		}
		e.cluster.Compact()
		return errors.Join(e.syncPartitions(compacted), os.RemoveAll(e.keptPath()))
	})
	return errors.Join(held, restore())
}

// unchanged reports, while the engine is held, whether the topics are still the ones that were listed, each with
// its retention lifted. What was made or changed in between is neither prepared nor kept, so it must not be
// compacted.
func (e *engine) unchanged(topics []logTopic) error {
	known := map[string]bool{}
	for _, t := range topics {
		for p := range int32(t.partitions) {
			known[filepath.Base(e.partitionDir(t.name, p))] = true
		}
		info := e.cluster.TopicInfo(t.name)
		if info == nil {
			continue // deleted
		}
		for _, key := range []string{retentionMS, retentionBytes} {
			if value := info.Configs[key]; value != nil && *value != noLimit {
				return fmt.Errorf("the configuration of %s has changed meanwhile", t.name)
			}
		}
		policy := info.Configs[cleanupPolicy]
		if (policy != nil && strings.Contains(*policy, "compact")) != t.compacted {
			return fmt.Errorf("the configuration of %s has changed meanwhile", t.name)
		}
	}
	partitions, err := os.ReadDir(filepath.Join(e.dir, partsDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, p := range partitions {
		if !known[p.Name()] {
			return fmt.Errorf("%s was made meanwhile", p.Name())
		}
	}
	return nil
}

func (e *engine) keptPath() string { return filepath.Join(filepath.Dir(e.dir), keptDir) }

// held runs f while the engine handles no request. kfake stands still while a function that controls a request
// runs, and serves administrative calls meanwhile; so f is hung on a request of our own, or on another of the same
// kind that comes first.
func (e *engine) held(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	var armed atomic.Bool
	armed.Store(true)
	e.cluster.ControlKey(int16(apiVers), func(kmsg.Request) (kmsg.Response, error, bool) {
		e.cluster.DropControl()
		if armed.Swap(false) {
			done <- f()
		}
		return nil, nil, false // the request itself is answered as always
	})
	if err := e.knock(ctx); err != nil && armed.Swap(false) {
		return err
	}
	return <-done
}

// knock sends an ApiVersions request to any running broker and waits for the answer.
func (e *engine) knock(ctx context.Context) error {
	node := slices.Min(slices.Collect(maps.Keys(e.running)))
	conn, err := e.doors.dial(ctx, node)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(holdTime)); err != nil {
		return err
	}
	request := kmsg.NewPtrApiVersionsRequest()
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, request, 1)
	if _, err := conn.Write(frame); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 8))
	return err
}

// keep links every file that the compaction of the topics will rewrite.
func (e *engine) keep(topics []logTopic) error {
	kept := e.keptPath()
	if err := os.RemoveAll(kept); err != nil {
		return err
	}
	for _, t := range topics {
		for p := range int32(t.partitions) {
			from := e.partitionDir(t.name, p)
			to := filepath.Join(kept, filepath.Base(from))
			if err := linkLog(from, to); err != nil {
				return fmt.Errorf("keeping %s: %w", from, err)
			}
		}
	}
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return err
	}
	mark, err := os.Create(filepath.Join(kept, keptMark))
	if err != nil {
		return err
	}
	return errors.Join(mark.Sync(), mark.Close(), durable.SyncDirectory(kept), durable.SyncDirectory(filepath.Dir(kept)))
}

// linkLog gives the segments and indexes in one directory a second name in another.
func linkLog(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil // nothing was written yet
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		if name := file.Name(); strings.HasSuffix(name, segmentSuffix) || strings.HasSuffix(name, indexSuffix) {
			if err := os.Link(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
				return err
			}
		}
	}
	return durable.SyncDirectory(to)
}

func (e *engine) syncPartitions(topics []logTopic) error {
	for _, t := range topics {
		for p := range int32(t.partitions) {
			if err := durable.SyncDirectory(e.partitionDir(t.name, p)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

package inproc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// applyRetention deletes the records that are older than retention.ms or beyond retention.bytes, of topics whose
// cleanup.policy has "delete". By time it goes record by record, by size in whole segments, as Apache Kafka does.
//
// The last record of a partition always stays: from it the engine knows after a crash where the offsets go on.
func (e *engine) applyRetention(ctx context.Context, admin *kadm.Client, topics []logTopic, now time.Time) error {
	var bounded []logTopic
	for _, t := range topics {
		if t.deleted && (t.retention >= 0 || t.retentionBytes >= 0) {
			bounded = append(bounded, t)
		}
	}
	var errs []error
	for chunk := range slices.Chunk(bounded, describeLimit) {
		remove, err := e.beyondRetention(ctx, admin, chunk, now)
		if err == nil && len(remove) > 0 {
			_, err = admin.DeleteRecords(ctx, remove) // a partition that fails, for it moved, is tried again next time
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("applying retention: %w", err))
		}
	}
	return errors.Join(errs...)
}

// beyondRetention returns the offsets before which records go.
func (e *engine) beyondRetention(ctx context.Context, admin *kadm.Client, topics []logTopic, now time.Time) (kadm.Offsets, error) {
	names := make([]string, len(topics))
	byRetention := map[time.Duration][]string{}
	for i, t := range topics {
		names[i] = t.name
		if t.retention >= 0 && now.Add(-t.retention).UnixMilli() >= 0 {
			byRetention[t.retention] = append(byRetention[t.retention], t.name)
		}
	}
	starts, err := admin.ListStartOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	// The ends come before the question which records are young: one that arrives in between stays.
	ends, err := admin.ListCommittedOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	young := kadm.ListedOffsets{}
	for _, retention := range slices.Sorted(maps.Keys(byRetention)) {
		first, err := admin.ListOffsetsAfterMilli(ctx, now.Add(-retention).UnixMilli(), byRetention[retention]...)
		if err != nil {
			return nil, err
		}
		maps.Copy(young, first)
	}
	remove := kadm.Offsets{}
	for _, t := range topics {
		for partition, end := range ends[t.name] {
			start, ok := starts.Lookup(t.name, partition)
			if !ok || start.Err != nil || end.Err != nil {
				continue
			}
			to := start.Offset
			if first, ok := young.Lookup(t.name, partition); ok && first.Err == nil {
				to = max(to, first.Offset)
			}
			if t.retentionBytes >= 0 {
				to = max(to, e.startWithin(t.name, partition, t.retentionBytes))
			}
			if to = min(to, end.Offset-1); to > start.Offset {
				remove.Add(kadm.Offset{Topic: t.name, Partition: partition, At: to, LeaderEpoch: -1})
			}
		}
	}
	return remove, nil
}

// startWithin returns the offset of the first segment that may stay within limit bytes: the oldest segments go as
// long as what is left is not smaller than the limit. It returns 0 where nothing has to go.
func (e *engine) startWithin(topic string, partition int32, limit int64) int64 {
	segments := readSegments(e.partitionDir(topic, partition))
	var size int64
	for _, s := range segments {
		size += s.size
	}
	start := int64(0)
	for i := 0; i+1 < len(segments) && size-segments[i].size >= limit; i++ {
		size -= segments[i].size
		start = segments[i+1].base
	}
	return start
}

// partitionDir is where the engine keeps a partition's files.
func (e *engine) partitionDir(topic string, partition int32) string {
	return filepath.Join(e.dir, partsDir, fmt.Sprintf("%s-%d", url.PathEscape(topic), partition))
}

// segment is one file of a partition's log.
type segment struct {
	base, size int64
}

const (
	segmentSuffix = ".dat"
	indexSuffix   = ".idx"
)

// readSegments returns the segments in a directory by offset; none where it cannot be read.
func readSegments(dir string) []segment {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var segments []segment
	for _, file := range files {
		text, ok := strings.CutSuffix(file.Name(), segmentSuffix)
		base, err := strconv.ParseInt(text, 10, 64)
		info, statErr := file.Info()
		if ok && err == nil && statErr == nil {
			segments = append(segments, segment{base, info.Size()})
		}
	}
	slices.SortFunc(segments, func(a, b segment) int { return int(min(1, max(-1, a.base-b.base))) })
	return segments
}

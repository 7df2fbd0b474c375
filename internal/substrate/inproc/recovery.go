package inproc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
)

// recoverCompaction takes back what a crash in the middle of a compaction has cut. It runs before the data is
// opened.
func recoverCompaction(data string, logger *slog.Logger) error {
	kept := filepath.Join(filepath.Dir(data), keptDir)
	if _, err := os.Stat(filepath.Join(kept, keptMark)); errors.Is(err, os.ErrNotExist) {
		return os.RemoveAll(kept) // the compaction had not begun
	} else if err != nil {
		return fmt.Errorf("looking at what a compaction kept: %w", err)
	}
	partitions, err := os.ReadDir(kept)
	if err != nil {
		return fmt.Errorf("looking at what a compaction kept: %w", err)
	}
	for _, partition := range partitions {
		if !partition.IsDir() {
			continue
		}
		old, live := filepath.Join(kept, partition.Name()), filepath.Join(data, partsDir, partition.Name())
		if logEnd(live) >= logEnd(old) {
			continue
		}
		logger.Warn("a compaction was cut short; the log before it is taken back", "partition", partition.Name())
		if err := takeBack(old, live); err != nil {
			return fmt.Errorf("taking back %s after a compaction that was cut short: %w", partition.Name(), err)
		}
	}
	return os.RemoveAll(kept)
}

func takeBack(old, live string) error {
	files, err := os.ReadDir(live)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, file := range files {
		if err := os.Remove(filepath.Join(live, file.Name())); err != nil {
			return err
		}
	}
	return linkLog(old, live)
}

// logEnd is the offset after the last batch of a log that is whole, with a whole index entry, behind batches that
// all are; 0 where there is none. Both are what the engine itself would read.
func logEnd(dir string) (end int64) {
	const (
		header     = 61 // of a record batch (version 2)
		sizeBefore = 12 // first offset and length, which the length does not count
		indexEntry = 15
	)
	table := crc32.MakeTable(crc32.Castagnoli)
	for _, s := range readSegments(dir) {
		base := filepath.Join(dir, fmt.Sprint(s.base))
		log, err := os.ReadFile(base + segmentSuffix)
		if err != nil {
			return end
		}
		index, err := os.Stat(base + indexSuffix)
		if err != nil {
			return end
		}
		for entries := index.Size() / indexEntry; len(log) > 0; entries-- {
			if entries == 0 || len(log) < header {
				return end
			}
			size := int64(sizeBefore) + int64(binary.BigEndian.Uint32(log[8:]))
			if size < header || size > int64(len(log)) {
				return end
			}
			batch := log[:size]
			if crc32.Checksum(batch[21:], table) != binary.BigEndian.Uint32(batch[17:]) {
				return end
			}
			end = int64(binary.BigEndian.Uint64(batch)) + int64(binary.BigEndian.Uint32(batch[23:])) + 1
			log = log[size:]
		}
	}
	return end
}

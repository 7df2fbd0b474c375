package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Stream is what one producer writes to one partition. Its records are numbered from 1 in the order of their sending.
type Stream struct{ Producer, Partition int32 }

func (s Stream) String() string {
	return fmt.Sprintf("producer %d, partition %d", s.Producer, s.Partition)
}

// A record's key is the run, the producer, the partition and the number (big endian, 8+4+4+8 bytes); its value is
// filler and, in the last four bytes, the CRC-32 (IEEE) of the key and the filler. The Java client writes the same.
const (
	keySize = 24
	sumSize = 4
	maxFill = 512
)

// encode makes the record of a number; how much filler it has depends on the number.
func encode(run uint64, s Stream, sequence int64) (key, value []byte) {
	key = binary.BigEndian.AppendUint64(make([]byte, 0, keySize), run)
	key = binary.BigEndian.AppendUint32(key, uint32(s.Producer))
	key = binary.BigEndian.AppendUint32(key, uint32(s.Partition))
	key = binary.BigEndian.AppendUint64(key, uint64(sequence))
	value = make([]byte, sequence*7%maxFill, maxFill+sumSize)
	for n := range value {
		value[n] = byte(sequence + int64(n))
	}
	return key, binary.BigEndian.AppendUint32(value, sum(key, value))
}

func sum(key, filler []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(key), crc32.IEEETable, filler)
}

// decode tells whose record it is. A record that this run did not write as it is, is an error.
func decode(run uint64, key, value []byte) (Stream, int64, error) {
	if len(key) != keySize || len(value) < sumSize {
		return Stream{}, 0, fmt.Errorf("a key of %d and a value of %d bytes, which no producer writes", len(key), len(value))
	}
	filler := value[:len(value)-sumSize]
	if binary.BigEndian.Uint32(value[len(filler):]) != sum(key, filler) {
		return Stream{}, 0, errors.New("its checksum is wrong")
	}
	if of := binary.BigEndian.Uint64(key); of != run {
		return Stream{}, 0, fmt.Errorf("it was written by another run, %x", of)
	}
	s := Stream{int32(binary.BigEndian.Uint32(key[8:])), int32(binary.BigEndian.Uint32(key[12:]))}
	return s, int64(binary.BigEndian.Uint64(key[16:])), nil
}

// Package gauge reads what the operating system knows of a broker's process and disk. It looks from outside and asks the
// process nothing, so it tells of one that is stopped or hangs, too.
package gauge

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery/internal/health"
)

// Gauge is of one process. It remembers the last look, for what is told of the time between two. The zero Gauge is one
// that has not looked yet; it is for one goroutine.
type Gauge struct {
	pid  int
	last reading
}

// reading is what adds up in /proc.
type reading struct {
	at              time.Time
	ticks, waitTick int64
}

// ticksPerSecond is what /proc counts in: the same on every platform that Linux has (USER_HZ).
const ticksPerSecond = 100

// Look returns what there is to know of a process and of the file system of a directory. What cannot be read is unknown,
// for the process may end at any time; where there is nothing at all to know, the time is zero.
func (g *Gauge) Look(now time.Time, pid int, data string) health.System {
	if g.pid != pid {
		*g = Gauge{pid: pid}
	}
	system := health.System{At: now}
	disk(&system, data)
	stat, ok := readStat(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if pid == 0 || !ok {
		if system.TotalBytes == 0 && system.StorageError == "" {
			return health.System{}
		}
		return system
	}
	system.State = stat.state
	if stat.state != 'T' && stat.state != 't' && threadWaits(pid) {
		system.State = 'D'
	}
	if passed := now.Sub(g.last.at).Seconds(); !g.last.at.IsZero() && passed > 0 {
		system.Processors = float64(stat.ticks-g.last.ticks) / ticksPerSecond / passed
		system.DiskWait = float64(stat.waitTicks-g.last.waitTick) / ticksPerSecond / passed
	}
	g.last = reading{now, stat.ticks, stat.waitTicks}
	system.OpenFiles, system.OpenFilesLimit = openFiles(pid)
	return system
}

// stat is what is used of /proc/PID/stat; see proc(5).
type stat struct {
	state            byte
	ticks, waitTicks int64
}

// Fields of /proc/PID/stat, counted from the state, which is the third.
const (
	statUser   = 14 - 3
	statSystem = 15 - 3
	statWait   = 42 - 3 // delayacct_blkio_ticks: 0 where the kernel does not count it (kernel.task_delayacct)
)

func readStat(path string) (stat, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return stat{}, false
	}
	return parseStat(string(text))
}

// parseStat reads the fields after the name, which is in parentheses and may have some itself.
func parseStat(text string) (stat, bool) {
	_, rest, ok := cutLast(text, ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) <= statWait || len(fields[0]) != 1 {
		return stat{}, false
	}
	var numbers [3]int64
	for i, field := range []int{statUser, statSystem, statWait} {
		n, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return stat{}, false
		}
		numbers[i] = n
	}
	return stat{state: fields[0][0], ticks: numbers[0] + numbers[1], waitTicks: numbers[2]}, true
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// mostThreads bounds the threads that are looked at; a broker has some hundred.
const mostThreads = 1000

// threadWaits reports whether a thread waits for a disk at the moment: the state of a JVM's process is that of its first
// thread, which does nothing.
func threadWaits(pid int) bool {
	tasks := filepath.Join("/proc", strconv.Itoa(pid), "task")
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return false
	}
	for _, entry := range entries[:min(len(entries), mostThreads)] {
		if s, ok := readStat(filepath.Join(tasks, entry.Name(), "stat")); ok && s.state == 'D' {
			return true
		}
	}
	return false
}

// openFiles returns how many files a process has open, and how many it may have.
func openFiles(pid int) (open, limit int64) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	if info, err := os.Stat(filepath.Join(dir, "fd")); err == nil {
		open = info.Size() // since Linux 6.2
	}
	text, err := os.ReadFile(filepath.Join(dir, "limits"))
	if err != nil {
		return open, 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Max open files"); ok {
			_, _ = fmt.Sscan(rest, &limit) // "unlimited" is 0
		}
	}
	return open, limit
}

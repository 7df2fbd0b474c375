package speed

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every machine that Linux runs Go on.
const tick = 10 * time.Millisecond

// use is what a process has used since it started: all of its threads, those that ended included.
type use struct {
	cpu time.Duration // user and system
	// read and written are the bytes of its read and write system calls, sockets among them.
	read, written int64
}

// usage reads what a process has used (proc_pid_stat(5), proc_pid_io(5)). The files of the process count all threads;
// those of a thread are below task/.
func usage(pid int) (use, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return use{}, err
	}
	var u use
	if u.cpu, err = parseStat(string(stat)); err != nil {
		return use{}, fmt.Errorf("process %d: %w", pid, err)
	}
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return use{}, err
	}
	if u.read, u.written, err = parseIO(string(io)); err != nil {
		return use{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return u, nil
}

func (u use) since(before use) use {
	return use{u.cpu - before.cpu, u.read - before.read, u.written - before.written}
}

// parseStat returns utime and stime, the 14th and 15th field, together. The second field is the program's name in
// parentheses, which may hold spaces and parentheses itself.
func parseStat(stat string) (time.Duration, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("%q is no line of /proc/PID/stat", stat)
	}
	ticks, err := sum(fields[11:13])
	return time.Duration(ticks) * tick, err
}

func parseIO(text string) (read, written int64, err error) {
	found := 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		var into *int64
		switch name {
		case "rchar":
			into = &read
		case "wchar":
			into = &written
		default:
			continue
		}
		if *into, err = strconv.ParseInt(value, 10, 64); err != nil {
			return 0, 0, err
		}
		found++
	}
	if found != 2 {
		return 0, 0, errors.New("/proc/PID/io has no rchar or no wchar")
	}
	return read, written, nil
}

// machineUse is what all processors together have done since the machine started: total is the time of all of them.
type machineUse struct{ busy, stolen, total time.Duration }

func machineUsage() (machineUse, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineUse{}, err
	}
	return parseMachine(string(stat))
}

// parseMachine reads the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; what follows
// is in user and nice already.
func parseMachine(stat string) (machineUse, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return machineUse{}, fmt.Errorf("%q is not the first line of /proc/stat", line)
	}
	total, err := sum(fields[1:9])
	if err != nil {
		return machineUse{}, err
	}
	idle, err := sum(fields[4:6])
	if err != nil {
		return machineUse{}, err
	}
	stolen, err := sum(fields[8:9])
	if err != nil {
		return machineUse{}, err
	}
	return machineUse{busy: time.Duration(total-idle-stolen) * tick, stolen: time.Duration(stolen) * tick, total: time.Duration(total) * tick}, nil
}

func (m machineUse) since(before machineUse) machineUse {
	return machineUse{m.busy - before.busy, m.stolen - before.stolen, m.total - before.total}
}

func sum(fields []string) (int64, error) {
	total := int64(0)
	for _, field := range fields {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// diskMarks are the shares of a disk, in percent, below which its free space is worth a word, least first.
var diskMarks = []uint64{1, 2, 5, 10}

// lookAtDisk looks how full the disk of the node's data is. It returns true where there is something new to tell.
func (n *node) lookAtDisk() bool {
	disk := ""
	var fs unix.Statfs_t
	if err := unix.Statfs(n.data(), &fs); err == nil && fs.Blocks > 0 {
		disk = diskMessage(uint64(fs.Bavail), uint64(fs.Blocks))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := disk != n.disk
	n.disk = disk
	return changed
}

// diskMessage says how full a disk is where that is worth a word, in steps, so that it does not change all the time.
func diskMessage(free, all uint64) string {
	for _, percent := range diskMarks {
		if free < all/100*percent {
			return fmt.Sprintf("less than %d %% of its disk is free; a broker ends when none is", percent)
		}
	}
	return ""
}

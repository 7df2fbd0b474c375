package dataplane

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lookPeriod is how often files that may be replaced are looked at. What is looked at is their inode, size and time of
// change; only where one of these is new they are read.
const lookPeriod = time.Second

// replaced are files that somebody else replaces, each whole (by renaming another file over it), and what is made of
// them. Several of them need not change at the same moment: as long as they do not fit each other what was made last
// stays in force, and where that goes on from one look to the next it is told, once.
type replaced struct {
	what  string // for people, such as "the certificate for clients"
	files []string
	// take makes something of the contents, in the order of files; an error changes nothing.
	take   func(contents [][]byte) error
	logger *slog.Logger
	// taken and refused count what was taken up after the beginning, and what could not be.
	taken, refused prometheus.Counter

	seen    []os.FileInfo
	bad     [sha256.Size]byte // of the contents that were refused at the last look
	told    bool              // that they were
	pending bool              // the contents were refused, so they are read again although no file changed
}

// count makes and registers the counters, one metric with the label result.
func (r *replaced) count(metrics prometheus.Registerer, metric prometheus.CounterOpts, labels prometheus.Labels) {
	results := prometheus.NewCounterVec(metric, []string{"result"})
	prometheus.WrapRegistererWith(labels, metrics).MustRegister(results)
	r.taken, r.refused = results.WithLabelValues("taken"), results.WithLabelValues("refused")
}

// begin takes up the files as they are.
func (r *replaced) begin() error {
	seen, err := r.status()
	if err != nil {
		return err
	}
	contents, err := r.read()
	if err != nil {
		return err
	}
	r.seen = seen
	return r.take(contents)
}

// follow looks at the files until ctx ends.
func (r *replaced) follow(ctx context.Context) {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.look()
		}
	}
}

// look takes up what is new.
func (r *replaced) look() {
	seen, err := r.status()
	if err == nil && !r.pending && r.unchanged(seen) {
		return
	}
	var contents [][]byte
	if err == nil {
		contents, err = r.read()
	}
	if err == nil {
		err = r.take(contents)
	}
	if err != nil {
		r.refuse(contents, err)
		return
	}
	r.seen, r.pending, r.told = seen, false, false
	r.taken.Inc()
	r.logger.Info("files were replaced and are in force", "what", r.what, "files", r.files)
}

// refuse tells that files cannot be taken up where they are as they were at the last look.
func (r *replaced) refuse(contents [][]byte, err error) {
	sum := sha256.New()
	for _, content := range contents {
		part := sha256.Sum256(content)
		sum.Write(part[:])
	}
	bad := [sha256.Size]byte(sum.Sum(nil))
	again := r.pending && bad == r.bad
	if !again {
		r.told = false
	}
	r.pending, r.bad = true, bad
	if again && !r.told {
		r.told = true
		r.refused.Inc()
		r.logger.Error("replaced files cannot be used; what was there before stays in force", "what", r.what, "files", r.files, "error", err)
	}
}

func (r *replaced) status() ([]os.FileInfo, error) {
	status := make([]os.FileInfo, len(r.files))
	for i, file := range r.files {
		var err error
		if status[i], err = os.Stat(file); err != nil {
			return nil, err
		}
	}
	return status, nil
}

func (r *replaced) unchanged(now []os.FileInfo) bool {
	for i, was := range r.seen {
		if !os.SameFile(was, now[i]) || !was.ModTime().Equal(now[i].ModTime()) || was.Size() != now[i].Size() {
			return false
		}
	}
	return true
}

func (r *replaced) read() ([][]byte, error) {
	contents := make([][]byte, len(r.files))
	for i, file := range r.files {
		var err error
		if contents[i], err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

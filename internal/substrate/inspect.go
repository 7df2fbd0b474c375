package substrate

import "context"

// Process is what a broker is on this host, for looking at it.
type Process struct {
	Node int32
	PID  int // of the process that runs; 0: none does
	// Data is the directory of its data, absolute.
	Data string
}

// Inspector is a Substrate whose brokers are processes of this host, so that somebody may look at them.
type Inspector interface {
	// Inspect returns the brokers of a physical cluster, by node. Of an unknown cluster there are none.
	Inspect(ctx context.Context, id string) ([]Process, error)
}

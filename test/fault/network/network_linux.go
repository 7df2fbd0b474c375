package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Condition is what happens to packets in one direction between two hosts. The zero value carries them at once.
type Condition struct {
	// Cut drops every packet.
	Cut bool
	// Loss is the probability that a packet is dropped.
	Loss float64
	// Delay is how long each packet is held back.
	Delay time.Duration
	// Rate is how many bytes a second go through; 0 is any number.
	Rate int
}

// Host is one host of a network.
type Host struct {
	// Address is its address.
	Address netip.Addr

	index     int
	namespace *os.File // nil for this process's own
	device    *os.File
}

// Network is hosts that are joined by a switch.
type Network struct {
	// Here is the host that this process is on.
	Here *Host
	// Hosts are the others.
	Hosts []*Host

	links   [][]*link // by the indexes of both hosts; nil for the same
	ended   chan struct{}
	running sync.WaitGroup
}

// Isolated makes a command start in a new, empty network namespace.
func Isolated(command *exec.Cmd) {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
}

// prefix is the network that all addresses are of.
var prefix = netip.MustParsePrefix("10.77.0.0/24")

// Open makes so many hosts beside the one of this process, which has to be Isolated.
func Open(hosts int) (*Network, error) {
	n := &Network{ended: make(chan struct{})}
	address := prefix.Addr()
	for index := range hosts + 1 {
		address = address.Next()
		h := &Host{Address: address, index: index}
		open := h.openHere
		if index == 0 {
			n.Here = h
		} else {
			n.Hosts = append(n.Hosts, h)
			open = h.openElsewhere
		}
		if err := open(); err != nil {
			return nil, errors.Join(fmt.Errorf("make host %v: %w", address, err), n.Close())
		}
	}
	n.start()
	return n, nil
}

// Command is the beginning of a command line that runs the rest of it on the host, as the same process.
func (h *Host) Command() []string {
	if h.namespace == nil {
		return nil
	}
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), h.namespace.Fd()), "--"}
}

// Set says what happens to packets from one host to another from now on.
func (n *Network) Set(from, to *Host, c Condition) { n.links[from.index][to.index].condition.Store(&c) }

// Both is Set in both directions.
func (n *Network) Both(a, b *Host, c Condition) {
	n.Set(a, b, c)
	n.Set(b, a, c)
}

// Heal carries all packets at once again.
func (n *Network) Heal() {
	n.each(func(l *link) { l.condition.Store(&Condition{}) })
}

// Close ends the network. Processes on its hosts are the caller's.
func (n *Network) Close() error {
	close(n.ended)
	var errs []error
	for _, h := range append(n.Hosts, n.Here) {
		for _, file := range []*os.File{h.device, h.namespace} {
			if file != nil {
				errs = append(errs, file.Close())
			}
		}
	}
	n.running.Wait()
	return errors.Join(errs...)
}

package network

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	deviceName = "orrery0"
	mtu        = 9000
)

// openHere makes this process's host: its device is in the namespace of the process.
func (h *Host) openHere() error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	if len(links) != 1 {
		return fmt.Errorf("this process is not alone in its network namespace, which has %d devices", len(links))
	}
	return h.connect()
}

// openElsewhere makes a namespace, and the device in it. A thread does that and ends: it belongs to the namespace.
func (h *Host) openElsewhere() error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock, which ends the thread with this function
		done <- h.unshare()
	}()
	return <-done
}

func (h *Host) unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	var err error
	if h.namespace, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return err
	}
	return h.connect()
}

// connect gives the thread's namespace its loopback device, and a device whose packets this process reads and writes.
func (h *Host) connect() (err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	device, err := unix.NewIfreq(deviceName)
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	device.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, device); err != nil {
		return errors.Join(fmt.Errorf("make the device: %w", err), unix.Close(fd))
	}
	h.device = os.NewFile(uintptr(fd), "/dev/net/tun") // after TUNSETIFF: before, the poller would not take it
	control, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(control)) }()
	for _, step := range []struct {
		request uint
		device  string
		value   func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFFLAGS, "lo", up},
		{unix.SIOCSIFADDR, deviceName, func(r *unix.Ifreq) error { return r.SetInet4Addr(h.Address.AsSlice()) }},
		{unix.SIOCSIFNETMASK, deviceName, func(r *unix.Ifreq) error { return r.SetInet4Addr(net.CIDRMask(prefix.Bits(), 32)) }},
		{unix.SIOCSIFMTU, deviceName, func(r *unix.Ifreq) error { r.SetUint32(mtu); return nil }},
		{unix.SIOCSIFFLAGS, deviceName, up},
	} {
		request, err := unix.NewIfreq(step.device)
		if err != nil {
			return err
		}
		if err := errors.Join(step.value(request), unix.IoctlIfreq(control, step.request, request)); err != nil {
			return fmt.Errorf("configure %s: %w", step.device, err)
		}
	}
	return nil
}

func up(r *unix.Ifreq) error {
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return nil
}

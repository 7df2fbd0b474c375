package kafkatest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery/internal/engine"
)

func (b *apacheBroker) launch() error {
	if b.process != nil {
		return errors.New("it is running")
	}
	log, err := os.OpenFile(b.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the broker has its own handle
	heap := b.cluster.options.HeapMiB
	if heap == 0 {
		heap = defaultHeapMiB
	}
	// Native libraries unpack themselves into the temporary directory; there they go with the cluster.
	jvm := engine.JVM{HeapMiB: heap, FirstTierOnly: !b.cluster.options.Optimized, Options: []string{"-XX:-UsePerfData", "-Djava.io.tmpdir=" + b.dir()}}
	installation := b.installation
	if host := b.host(); host != nil {
		if installation.Java, err = b.javaOn(host); err != nil {
			return err
		}
	}
	b.process, err = installation.Start(b.dir(), log, jvm, engine.ServerClass, filepath.Join(b.dir(), "server.properties"))
	b.paused = false
	return err
}

// javaOn writes a program that runs Java on a host.
func (b *apacheBroker) javaOn(host *Host) (string, error) {
	var command strings.Builder
	for _, word := range append(slices.Clone(host.Command), b.installation.Java) {
		fmt.Fprintf(&command, "'%s' ", strings.ReplaceAll(word, "'", `'\''`))
	}
	path := filepath.Join(b.dir(), "java")
	return path, os.WriteFile(path, []byte("#!/bin/sh\nexec "+command.String()+"\"$@\"\n"), 0o700)
}

// await waits until the broker takes clients, or has ended.
func (b *apacheBroker) await(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	process := b.process
	go func() {
		select {
		case <-process.Done():
			cancel(fmt.Errorf("it ended: %w", process.Err()))
		case <-ctx.Done():
		}
	}()
	if err := engine.Await(ctx, b.broker.Address); err != nil {
		return fmt.Errorf("%w\n%s", err, engine.Tail(b.log(), logLines))
	}
	return nil
}

var errDown = errors.New("it is not running")

func (b *apacheBroker) stop() error {
	if b.process == nil {
		return errDown
	}
	if err := b.resume(); err != nil {
		return err
	}
	err := b.process.Stop(patience)
	b.process = nil
	return err
}

func (b *apacheBroker) kill() error {
	if b.process == nil {
		return errDown
	}
	err := b.process.Kill()
	b.process = nil
	return err
}

func (b *apacheBroker) start() error {
	if err := b.launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, fmt.Errorf("not ready after %v", patience))
	defer cancel()
	return b.await(ctx)
}

func (b *apacheBroker) pause() error {
	if b.process == nil {
		return errDown
	}
	b.paused = true
	return b.process.Pause()
}

func (b *apacheBroker) resume() error {
	if b.process == nil {
		return errDown
	}
	if !b.paused {
		return nil
	}
	b.paused = false
	return b.process.Resume()
}

func (b *apacheBroker) upgrade(version string) error {
	installation, err := install(version)
	if err != nil {
		return err
	}
	if b.process != nil {
		if err := b.stop(); err != nil {
			return err
		}
	}
	b.installation = installation
	return b.start()
}

func (b *apacheBroker) replaceDisk() (err error) {
	if b.process != nil {
		return errors.New("it is running")
	}
	if err := os.RemoveAll(b.data()); err != nil {
		return err
	}
	if b.directoryID, err = engine.NewID(rand.Reader); err != nil {
		return err
	}
	return b.configure(nil)
}

func (b *apacheBroker) pid() int {
	if b.process == nil {
		return 0
	}
	return b.process.PID()
}

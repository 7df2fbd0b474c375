package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// The programs that run in processes of their own.
const (
	Gateway = "gateway"
	Relay   = "relay"
	Load    = "load"
)

// Build builds the programs into a directory, as the service is built.
func Build(ctx context.Context, dir string) error {
	arguments := []string{"build", "-trimpath", "-o", dir + string(filepath.Separator)}
	for _, program := range []string{Gateway, Relay, Load} {
		arguments = append(arguments, "github.com/orrery-kafka/orrery/test/bench/"+program)
	}
	if out, err := exec.CommandContext(ctx, "go", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build, which has to run in the repository: %w\n%s", err, out)
	}
	return nil
}

// Child is a running program. It ends when its input does, so none outlives this process.
type Child struct {
	// Name is what errors call it.
	Name string
	// Channel is the conversation with it.
	Channel *job.Channel

	command *exec.Cmd
	input   io.Closer
}

// Start starts one of the programs that Build left in a directory, and gives it its first message.
func Start(ctx context.Context, dir, name string, order any) (*Child, error) {
	c, err := StartCommand(name, exec.CommandContext(ctx, filepath.Join(dir, name)))
	if err != nil {
		return nil, err
	}
	if err := c.Channel.Send(order); err != nil {
		return nil, errors.Join(err, c.End())
	}
	return c, nil
}

// StartCommand starts any program that speaks as those of package job do.
func StartCommand(name string, command *exec.Cmd) (*Child, error) {
	c := &Child{Name: name, command: command}
	c.command.Stderr = os.Stderr
	input, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	c.input, c.Channel = input, job.NewChannel(output, input)
	return c, nil
}

// StartFront starts a front and returns it with the address that it serves.
func StartFront(ctx context.Context, dir, name string, front job.Front) (*Child, string, error) {
	c, err := Start(ctx, dir, name, front)
	if err != nil {
		return nil, "", err
	}
	var serving job.Serving
	if err := c.Channel.Receive(&serving); err != nil {
		return nil, "", errors.Join(fmt.Errorf("start the %s: %w", name, err), c.End())
	}
	return c, serving.Address, nil
}

// PID is the id of its process.
func (c *Child) PID() int { return c.command.Process.Pid }

// End closes the program's input and waits until it has ended.
func (c *Child) End() error {
	if err := errors.Join(c.input.Close(), c.command.Wait()); err != nil {
		return fmt.Errorf("end of the %s: %w", c.Name, err)
	}
	return nil
}

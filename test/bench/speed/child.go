package speed

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

// programs are what runs in processes of its own.
var programs = []string{"gateway", "relay", "load"}

// build builds the programs into a directory, as the service is built.
func build(ctx context.Context, dir string) error {
	arguments := []string{"build", "-trimpath", "-o", dir + string(filepath.Separator)}
	for _, program := range programs {
		arguments = append(arguments, "github.com/orrery-kafka/orrery/test/bench/"+program)
	}
	if out, err := exec.CommandContext(ctx, "go", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build, which has to run in the repository: %w\n%s", err, out)
	}
	return nil
}

// child is a running program. It ends when its input does, so none outlives this process.
type child struct {
	name    string
	command *exec.Cmd
	input   io.Closer
	channel *job.Channel
}

// start starts a program and gives it its first message.
func start(ctx context.Context, dir, name string, order any) (*child, error) {
	c := &child{name: name, command: exec.CommandContext(ctx, filepath.Join(dir, name))}
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
	c.input, c.channel = input, job.NewChannel(output, input)
	if err := c.channel.Send(order); err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

// startFront starts a front and returns it with the address that it serves.
func startFront(ctx context.Context, dir, name string, front job.Front) (*child, string, error) {
	c, err := start(ctx, dir, name, front)
	if err != nil {
		return nil, "", err
	}
	var serving job.Serving
	if err := c.channel.Receive(&serving); err != nil {
		return nil, "", errors.Join(fmt.Errorf("start the %s: %w", name, err), c.end())
	}
	return c, serving.Address, nil
}

func (c *child) pid() int { return c.command.Process.Pid }

// end closes the program's input and waits until it has ended.
func (c *child) end() error {
	if err := errors.Join(c.input.Close(), c.command.Wait()); err != nil {
		return fmt.Errorf("end of the %s: %w", c.name, err)
	}
	return nil
}

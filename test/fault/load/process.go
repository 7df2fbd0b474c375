package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a producer that is a program of its own, such as test/clients/java/Load.java: it writes records as writer does,
// prints which are acknowledged, and ends after a line of input.
type process struct {
	number  int32
	command *exec.Cmd
	input   io.WriteCloser
	ended   chan struct{}
}

// startProcess starts the program, with the arguments that tell it what to write.
func (l *Load) startProcess(number int32, command []string) error {
	arguments := append(append([]string(nil), command[1:]...), l.config.Topic, strconv.Itoa(int(l.config.Partitions)), strconv.Itoa(int(number)),
		strconv.FormatUint(l.history.run, 16), strconv.FormatInt(l.config.Interval.Milliseconds(), 10))
	p := &process{number: number, command: exec.Command(command[0], arguments...), ended: make(chan struct{})}
	p.command.Stderr = os.Stderr
	output, err := p.command.StdoutPipe()
	if err != nil {
		return err
	}
	if p.input, err = p.command.StdinPipe(); err != nil {
		return err
	}
	if err := p.command.Start(); err != nil {
		return err
	}
	l.processes = append(l.processes, p)
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			l.told(number, lines.Text())
		}
		if err := p.command.Wait(); err != nil {
			l.history.Find("producer %d ended: %v", number, err)
		}
	}()
	return nil
}

// told takes a line of a process.
func (l *Load) told(number int32, line string) {
	var partition int32
	var sequence int64
	if _, err := fmt.Sscanf(line, "%d %d", &partition, &sequence); err != nil || partition < 0 || partition >= l.config.Partitions {
		l.history.Find("producer %d: %s", number, strings.TrimSpace(line))
		return
	}
	l.history.Acknowledged(Stream{number, partition}, sequence, time.Now())
}

// end tells the process to end, and waits until it has.
func (p *process) end(ctx context.Context, h *History) {
	if _, err := io.WriteString(p.input, "\n"); err != nil {
		h.Find("producer %d: %v", p.number, err)
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		h.Find("producer %d did not end: %v", p.number, context.Cause(ctx))
		p.abandon()
	}
}

func (p *process) abandon() {
	_ = p.command.Process.Signal(syscall.SIGKILL) // unless it has ended
	<-p.ended
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/embedded"
)

// explainStart answers the reasons for which a service does not start: each says which flag, file or process to
// look at.
func explainStart(err error, s embedded.Config) error {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, syscall.EADDRINUSE):
		return portTaken(err, s)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return failed("an address of this machine is needed: `ip address` lists them", "%s", message(err)).because(err)
	case errors.Is(err, syscall.EACCES) && address(err) != "":
		return failed("ports below 1024 are for root: choose a higher one", "this user may not listen on %s", address(err)).because(err)
	case errors.Is(err, syscall.ENOSPC):
		return failed("free some space and start again; nothing that was acknowledged is lost", "the disk of %s is full", s.Dir).because(err)
	case errors.Is(err, syscall.EMFILE):
		return failed("raise the limit of open files, for example with `ulimit -n 65536`, and start again", "this process may not open more files").because(err)
	case errors.Is(err, fs.ErrPermission):
		return failed("choose another directory with --dir, or change who owns this one", "%s", message(err)).because(err)
	}
	return err
}

// message is what err says to a person: a domain error's text without its cause, for the cause is explained.
func message(err error) string {
	var domain *orrery.Error
	if errors.As(err, &domain) {
		return domain.Message
	}
	return err.Error()
}

// address is what could not be listened on, or "".
func address(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Addr != nil {
		return operation.Addr.String()
	}
	return ""
}

// portTaken names the flag that chooses the port, and the command that shows who has it.
func portTaken(err error, s embedded.Config) *failure {
	taken := address(err)
	_, port, splitErr := net.SplitHostPort(taken)
	if splitErr != nil {
		return failed("`ss -ltnp` (on macOS `lsof -nP -iTCP -sTCP:LISTEN`) shows who listens where; choose other ports with --listen, --tls-listen or --kafka-ports", "%s", message(err)).because(err)
	}
	flag := fmt.Sprintf("--kafka-ports (now %d-%d)", s.KafkaPortFirst, s.KafkaPortLast)
	switch {
	case strings.HasSuffix(s.Listen, ":"+port):
		flag = "--listen, such as --listen 127.0.0.1:8081"
	case strings.HasSuffix(s.TLSListen, ":"+port):
		flag = "--tls-listen"
	}
	hint := fmt.Sprintf("is another `orrery up` running? This shows who has it:\n  lsof -nP -iTCP:%s -sTCP:LISTEN\nStop that, or choose another port with %s", port, flag)
	return failed(hint, "the port %s is taken by another process", taken).because(err).withCode(orrery.Conflict)
}

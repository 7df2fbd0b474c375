package network

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// insideVariable says that this process has a network namespace of its own.
const insideVariable = "ORRERY_TEST_NETWORK"

// TestNetwork runs TestInside alone in a namespace.
func TestNetwork(t *testing.T) {
	if os.Getenv(insideVariable) != "" {
		t.Skip("this is the process in the namespace")
	}
	Run(t, insideVariable, "^TestInside$")
}

// echo is a program of the test binary's: it returns each line that it gets over TCP.
func TestEcho(t *testing.T) {
	address := os.Getenv("ORRERY_TEST_ECHO")
	if address == "" {
		t.Skip("it is a program for TestInside")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("listening")
	for {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(conn, conn)
	}
}

// startEcho runs TestEcho on a host and returns a connection to it.
func startEcho(t *testing.T, h *Host) net.Conn {
	t.Helper()
	address := net.JoinHostPort(h.Address.String(), "7")
	command := append(h.Command(), os.Args[0], "-test.run=^TestEcho$")
	echo := exec.Command(command[0], command[1:]...)
	echo.Env = append(os.Environ(), "ORRERY_TEST_ECHO="+address)
	echo.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := echo.StdoutPipe()
	if err == nil {
		err = echo.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		echo.Process.Kill()
		echo.Wait()
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "listening\n" {
		t.Fatalf("it says %q", line)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends a line and returns how long its echo took.
func ask(t *testing.T, conn net.Conn, size int) time.Duration {
	t.Helper()
	began := time.Now()
	go io.WriteString(conn, strings.Repeat("x", size))
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(conn, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// silent sends a byte and sees that it does not come back for a while.
func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	io.WriteString(conn, "x")
	conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); n != 0 {
		t.Fatalf("it came back: %d bytes, %v", n, err)
	}
}

// returned reads the byte that silent sent.
func returned(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestInside(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		t.Skip("TestNetwork runs it in a network namespace")
	}
	n, err := Open(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	first, second := startEcho(t, n.Hosts[0]), startEcho(t, n.Hosts[1])
	ask(t, first, 1)
	for name, cut := range map[string]func(){
		"both":    func() { n.Both(n.Here, n.Hosts[0], Condition{Cut: true}) },
		"there":   func() { n.Set(n.Here, n.Hosts[0], Condition{Cut: true}) },
		"back":    func() { n.Set(n.Hosts[0], n.Here, Condition{Cut: true}) },
		"by loss": func() { n.Set(n.Hosts[0], n.Here, Condition{Loss: 1}) },
	} {
		t.Log(name)
		cut()
		silent(t, first)
		ask(t, second, 1)
		n.Heal()
		returned(t, first)
	}
	const delay = 100 * time.Millisecond
	n.Both(n.Here, n.Hosts[0], Condition{Delay: delay})
	if took := ask(t, first, 1); took < 2*delay {
		t.Errorf("with a delay of %v in both directions it took %v", delay, took)
	}
	n.Heal()
	const size, rate = 1 << 20, 4 << 20
	n.Set(n.Hosts[0], n.Here, Condition{Rate: rate})
	if took := ask(t, first, size); took < time.Duration(size)*time.Second/rate {
		t.Errorf("%d bytes at %d a second took %v", size, rate, took)
	}
	n.Both(n.Here, n.Hosts[0], Condition{Loss: 0.05})
	ask(t, first, 100_000) // TCP makes up for it
}

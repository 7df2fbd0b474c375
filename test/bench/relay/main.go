// Command relay takes TLS connections and passes their bytes on to a broker over TCP, and back, with io.Copy. It
// understands nothing of them: it is the least that something in the gateway's place can cost.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

func main() {
	if err := run(job.Parent()); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(parent *job.Channel) error {
	var front job.Front
	if err := parent.Receive(&front); err != nil {
		return err
	}
	config, err := front.TLSConfig()
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return err
	}
	go accept(listener, front.Broker)
	if err := parent.Send(job.Serving{Address: listener.Addr().String()}); err != nil {
		return err
	}
	return parent.AwaitEnd()
}

// accept serves clients until the process ends.
func accept(listener net.Listener, broker string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "relay:", err)
			os.Exit(1)
		}
		go relay(client, broker)
	}
}

func relay(client net.Conn, broker string) {
	upstream, err := net.Dial("tcp", broker)
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		client.Close()
		return
	}
	pass := func(to, from net.Conn) {
		// How the copy ended does not matter: the end of one direction ends the connection.
		_, _ = io.Copy(to, from)
		to.Close()
		from.Close()
	}
	go pass(upstream, client)
	pass(client, upstream)
}

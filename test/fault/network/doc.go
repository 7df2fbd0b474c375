// Package network makes hosts whose network a test can break. Each host is a network namespace; a switch inside this
// process carries every packet between them, and does to the packets what the test says: it drops all or some of them,
// in one direction or both, holds them back, or lets only so many bytes through.
//
// A process that opens a network should be alone in a namespace of its own (Isolated), which then is one of the hosts.
// Nothing of the machine's own network is touched, and all of it is gone with the process. Linux only; it takes the
// right to make namespaces and /dev/net/tun.
package network

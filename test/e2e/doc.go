// Package e2e tests the built program from outside, as its users meet it: the real binary, a real Kafka client, real
// signals, and files on a real disk. test/matrix does so with every client.
package e2e

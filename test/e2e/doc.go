// Package e2e tests the built program from outside, as its users meet it: the real binary, real Kafka clients of
// three languages, real signals, and files on a real disk.
package e2e

// Command orrery is the whole program: `orrery up` runs a managed Kafka service in one process, and every other
// command is a client of its public API or of a tenant's Kafka endpoint.
//
// It is the only place that reads flags, configuration files and the environment. There is one file for each
// verb, named after it; what verbs share is in program.go (streams and exit codes), settings.go (flag,
// environment, file, default), connection.go (finding the server) and output.go (human, json, yaml).
package main

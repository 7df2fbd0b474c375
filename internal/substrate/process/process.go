// Package process is the substrate that runs physical clusters as processes of this host: one JVM of Apache Kafka for
// each broker and controller, a gateway beside each broker, and one balancer for each cluster.
//
// The processes are detached: they outlive this one, and the next one adopts them by what is written down of them.
package process

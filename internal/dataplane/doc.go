// Package dataplane runs the roles that stand between Kafka clients and brokers. Endpoint is the gateway beside one
// broker with both of its faces, inside whatever process; Gateway and Balancer are the roles as processes of their own,
// made from the files that the process substrate writes (process.GatewayFile, process.BalancerFile): with sockets,
// certificates that are taken up in place, an administration socket, and a log.
package dataplane

// Package job is what the processes of the benchmark of speed tell each other. Each child reads JSON from standard
// input and writes JSON to standard output: a load generator gets a Job, says Ready once its connections are open,
// begins when it is told Go, answers with a Result, and lives until its input ends, so that what it used can still be
// read. A front gets a Front, answers with Serving, and serves until its input ends.
package job

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"
)

// RecordBytes is how long the value of each record is.
const RecordBytes = 1 << 10

// Kind is what a load generator does.
type Kind string

// The kinds of load. Produce and Fetch move Records with franz-go as fast as it goes, Write and Read do so for Duration.
// SmallProduce and SmallFetch send requests of one record on Clients connections, each its next one when the last is
// answered, for Duration. Latency sends produce requests of one record on one connection, Rate of them a second, for
// Duration. The storms do one thing after another on Clients connections, whatever they are told to wait: Metadata asks
// for all topics, CreateTopics makes a new one, ProducerIDs asks for a new one, and Connect logs in anew each time.
const (
	Produce      Kind = "produce"
	Fetch        Kind = "fetch"
	Write        Kind = "write"
	Read         Kind = "read"
	SmallProduce Kind = "small produce"
	SmallFetch   Kind = "small fetch"
	Latency      Kind = "latency"
	Metadata     Kind = "metadata"
	CreateTopics Kind = "create topics"
	ProducerIDs  Kind = "producer ids"
	Connect      Kind = "connect"
)

// Path is how a client reaches the broker.
type Path struct {
	// Address is the bootstrap address, host:port.
	Address string
	// Through is where every connection goes instead of the address that the client asked for; empty means there. A
	// relay knows nothing of the addresses in Kafka's answers.
	Through string
	// CA is the file (PEM) of the authority that signed the server's certificate; empty means no TLS.
	CA string
	// User and Password are for SASL with the mechanism PLAIN.
	User, Password string
}

// Job is one run of a load generator.
type Job struct {
	Kind Kind
	Path Path
	// Topic exists, with Partitions partitions; for CreateTopics it is what names begin with.
	Topic      string
	Partitions int32
	// Clients is how many clients (Produce) or connections (SmallProduce, SmallFetch, storms) there are.
	Clients int
	// Records is how many to produce, or how many there are to fetch; Read begins again at the end.
	Records int64
	// Batch is how large batches are at most (Write, Read), or values (SmallProduce, SmallFetch; 0 is RecordBytes).
	Batch int
	// Duration is how long requests are sent; 0 is until Stop, for requests and storms.
	Duration time.Duration
	// Rate is how many requests a second, for Latency; for requests and storms too, where it is not 0.
	Rate float64
}

// Ready is a load generator's word that its connections are open.
type Ready struct {
	// Prepared is how many records it has produced already, one to each partition for each client.
	Prepared int64
}

// Go tells a load generator to begin.
type Go struct{}

// Stop tells one without a Duration to end.
type Stop struct{}

// Result is what a load generator did after Go.
type Result struct {
	Took time.Duration
	// Records is how many were acknowledged or read, Requests how many requests that took (0 where franz-go made them),
	// Batches how many batches of records were sent (Produce).
	Records, Requests, Batches int64
	// Refused is how many of the requests were answered with an error, or not at all.
	Refused int64
	// Bytes is what the requests (Write) or responses (Read) that were answered until then had on the wire.
	Bytes int64
	// P50 and P99 are of Latency's requests, from before the write of the first byte until the last byte of the response.
	P50, P99 time.Duration
	// TLS is what was negotiated: version, cipher suite, and the key of the server's certificate; "none" without TLS.
	TLS string
	// Server is the address that the first connection went to.
	Server string
}

// Front is what a process between clients and the broker is told.
type Front struct {
	// Chain and Key are files (PEM) of the certificate and its key.
	Chain, Key string
	// Broker is where it connects to for each client: a listener with SASL_PLAINTEXT.
	Broker string

	// PhysicalClusterID is the gateway's.
	PhysicalClusterID string
	// Tenants is who the gateway is to the broker for tenants' requests, Control for its own.
	Tenants, Control Login
}

// Login is a name and a password.
type Login struct{ User, Password string }

// Serving is a front's word that it accepts clients, on a port of 127.0.0.1 that the system chose.
type Serving struct{ Address string }

// Channel is one end of a conversation.
type Channel struct {
	decoder *json.Decoder
	encoder *json.Encoder
}

// NewChannel is a conversation over a reader and a writer.
func NewChannel(r io.Reader, w io.Writer) *Channel {
	return &Channel{json.NewDecoder(r), json.NewEncoder(w)}
}

// Parent is the conversation of a child with the process that started it.
func Parent() *Channel { return NewChannel(os.Stdin, os.Stdout) }

// Send sends a message.
func (c *Channel) Send(message any) error { return c.encoder.Encode(message) }

// Receive waits for a message. A field that the message's type does not have is an error.
func (c *Channel) Receive(message any) error {
	c.decoder.DisallowUnknownFields()
	return c.decoder.Decode(message)
}

// AwaitEnd waits until the other end is closed. Another message is an error.
func (c *Channel) AwaitEnd() error {
	switch err := c.decoder.Decode(&struct{}{}); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("a message where there should be none")
}

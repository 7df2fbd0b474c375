package process

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// askBroker returns nil once the broker takes requests and the cluster counts it among those that serve: metadata names
// only brokers that are registered and not fenced.
func (n *node) askBroker(ctx context.Context) error {
	request := kmsg.NewPtrMetadataRequest()
	request.Version, request.Topics = 8, []kmsg.MetadataRequestTopic{} // the last version without tagged fields; no topic
	response := kmsg.NewPtrMetadataResponse()
	response.Version = request.Version
	shown, err := n.exchange(ctx, n.record.PlatformPort, request, response)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(response.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == n.record.Node }) {
		return fmt.Errorf("%s answers, and is not among the brokers that serve", n.name)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shown = shown
	return nil
}

// askController returns nil once the controller takes requests.
func (n *node) askController(ctx context.Context) error {
	request, response := kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrApiVersionsResponse()
	request.Version, response.Version = 0, 0
	if _, err := n.exchange(ctx, n.record.ControllerPort, request, response); err != nil {
		return err
	}
	return kerr.ErrorForCode(response.ErrorCode)
}

// maxAnswer bounds the answer to a question of ours, in bytes.
const maxAnswer = 1 << 20

// exchange sends one request of a version without tagged fields over a new connection, and returns the lifetime of the
// certificate that was shown.
func (n *node) exchange(ctx context.Context, port int, request kmsg.Request, response kmsg.Response) (lifetime, error) {
	conn, err := n.cluster.dialTLS(ctx, "tcp", n.substrate.private.Address(port))
	if err != nil {
		return lifetime{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := roundTrip(conn, request, response); err != nil {
		return lifetime{}, err
	}
	leaf := conn.ConnectionState().PeerCertificates[0]
	return lifetime{leaf.NotBefore, leaf.NotAfter}, nil
}

func roundTrip(conn *tls.Conn, request kmsg.Request, response kmsg.Response) error {
	const correlationID = 1
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("orrery-substrate")).AppendRequest(nil, request, correlationID)
	if _, err := conn.Write(frame); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(size[:])
	if length < 4 || length > maxAnswer {
		return fmt.Errorf("an answer of %d bytes", length)
	}
	answer := make([]byte, length)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	r := kbin.Reader{Src: answer}
	if id := r.Int32(); id != correlationID {
		return fmt.Errorf("an answer to request %d instead of %d", id, correlationID)
	}
	return response.ReadFrom(r.Src)
}

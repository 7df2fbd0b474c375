package door

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	linkkafka "github.com/orrery-kafka/orrery/internal/link/kafka"
)

// relay is one connection of a satellite.
type relay struct {
	door           *Door
	satelliteID    string
	may            []linkkafka.Rule
	client, broker net.Conn
	buffer         []byte
}

// step passes on one request and its answer.
func (r *relay) step() error {
	if err := r.client.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	frame, err := r.read(r.client, transferTimeout)
	if err != nil {
		return err
	}
	request, correlation, err := parse(frame)
	if errors.Is(err, errNewer) { // asked again in a version that is known
		unknown := kmsg.NewPtrApiVersionsResponse()
		unknown.ErrorCode = kerr.UnsupportedVersion.Code
		return r.answer(request, unknown, correlation)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.satelliteID, err)
	}
	answer, err := r.check(request)
	if err != nil {
		return fmt.Errorf("%s: %w", r.satelliteID, err)
	}
	if answer != nil {
		r.door.config.Logger.Warn("a satellite asked for what it may not do", "satellite", r.satelliteID, "request", kmsg.NameForKey(request.Key()))
		return r.answer(request, answer, correlation)
	}
	if err := write(r.broker, frame); err != nil {
		return err
	}
	if err := r.broker.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if frame, err = r.read(r.broker, answerTimeout); err != nil {
		return err
	}
	if translate, ok := translations[request.Key()]; ok {
		return r.translate(request, frame, correlation, translate)
	}
	return write(r.client, frame)
}

// read returns one frame, with its length. It is good until the next one.
func (r *relay) read(from net.Conn, patience time.Duration) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if size > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes; at most %d are allowed", size, maxFrame)
	}
	if err := from.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	r.buffer = append(slices.Grow(r.buffer[:0], len(head)+size), head[:]...)[:len(head)+size]
	_, err := io.ReadFull(from, r.buffer[len(head):])
	return r.buffer, err
}

func write(to net.Conn, frame []byte) error {
	if err := to.SetWriteDeadline(time.Now().Add(transferTimeout)); err != nil {
		return err
	}
	_, err := to.Write(frame)
	return err
}

// errNewer is ApiVersions in a version that is not known here.
var errNewer = errors.New("a newer ApiVersions")

// parse decodes a request. One that is not offered is an error; with errNewer comes one to answer.
func parse(frame []byte) (kmsg.Request, int32, error) {
	in := kbin.Reader{Src: frame[4:]}
	key, version, correlation := in.Int16(), in.Int16(), in.Int32()
	in.NullableString() // the client's id
	offer, ok := offers[key]
	if in.Complete() != nil || !ok {
		return nil, 0, fmt.Errorf("a request of kind %d, which is not offered here", key)
	}
	request := kmsg.RequestForKey(key)
	switch {
	case version > offer.most && key == kmsg.ApiVersions.Int16():
		request.SetVersion(0) // of the answer, as a broker does it
		return request, correlation, errNewer
	case version < offer.least || version > offer.most:
		return nil, 0, fmt.Errorf("%s in version %d, which is not offered here", kmsg.NameForKey(key), version)
	}
	request.SetVersion(version)
	if request.IsFlexible() {
		kmsg.SkipTags(&in)
	}
	if err := request.ReadFrom(in.Src); err != nil || in.Complete() != nil {
		return nil, 0, fmt.Errorf("%s cannot be read: %w", kmsg.NameForKey(key), errors.Join(err, in.Complete()))
	}
	return request, correlation, nil
}

// answer sends a response.
func (r *relay) answer(request kmsg.Request, response kmsg.Response, correlation int32) error {
	response.SetVersion(request.GetVersion())
	frame := binary.BigEndian.AppendUint32(make([]byte, 4, 256), uint32(correlation))
	if flexibleHead(response) {
		frame = append(frame, 0) // no tags
	}
	frame = response.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return write(r.client, frame)
}

// flexibleHead reports whether the head of a response has tags (KIP-482); that of ApiVersions never does.
func flexibleHead(response kmsg.Response) bool {
	return response.IsFlexible() && response.Key() != kmsg.ApiVersions.Int16()
}

// translate changes what the broker answers and passes it on.
func (r *relay) translate(request kmsg.Request, frame []byte, correlation int32, change func(*relay, kmsg.Response)) error {
	response := request.ResponseKind()
	in := kbin.Reader{Src: frame[4:]}
	if got := in.Int32(); got != correlation {
		return fmt.Errorf("the broker answers request %d, and %d was asked", got, correlation)
	}
	if flexibleHead(response) {
		kmsg.SkipTags(&in)
	}
	if err := response.ReadFrom(in.Src); err != nil || in.Complete() != nil {
		return fmt.Errorf("the broker's answer to %s cannot be read: %w", kmsg.NameForKey(request.Key()), errors.Join(err, in.Complete()))
	}
	change(r, response)
	return r.answer(request, response, correlation)
}

// ended leaves out the ends of connections that nobody needs to know.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

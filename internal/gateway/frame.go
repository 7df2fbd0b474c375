package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request is SIZE(4) KEY(2) VERSION(2) CORRELATION(4) CLIENT_ID [TAGS] BODY, a response SIZE(4) CORRELATION(4)
// [TAGS] BODY. Size counts what follows it; tags are there where the version is flexible (KIP-482), except in
// the response to ApiVersions.
const (
	sizeBytes         = 4
	fixedHeaderBytes  = 8 // key, version, correlation id
	maxProduceParts   = 100_000
	maxProduceTopics  = 100_000
	firstFlexible     = 9  // version of Produce
	firstWithTopicIDs = 13 // version of Produce
)

// fixedHeader is the part of a request's header that every version has.
type fixedHeader struct {
	key, version  int16
	correlationID int32
}

func parseFixedHeader(b [fixedHeaderBytes]byte) fixedHeader {
	return fixedHeader{
		key:           int16(binary.BigEndian.Uint16(b[0:])),
		version:       int16(binary.BigEndian.Uint16(b[2:])),
		correlationID: int32(binary.BigEndian.Uint32(b[4:])),
	}
}

// parseRest reads the client id and the tags that follow the fixed header, and returns the body.
func parseRest(rest []byte, flexible bool) (clientID string, body []byte, err error) {
	r := kbin.Reader{Src: rest}
	if id := r.NullableString(); id != nil {
		clientID = *id
	}
	if flexible {
		skipTags(&r)
	}
	if !r.Ok() {
		return "", nil, errors.New("the request's header is cut short")
	}
	return clientID, r.Src, nil
}

// skipTags reads over tagged fields. Unlike kmsg's it stops at the first one that is not there: the count is the
// client's, and may say four billion.
func skipTags(r *kbin.Reader) {
	for n := r.Uvarint(); n > 0 && r.Ok(); n-- {
		r.Uvarint()
		r.Span(int(r.Uvarint()))
	}
}

// checkShape walks a body before it is decoded, where the client is not authenticated yet or the request may be
// large, so that no length in it can make the decoder use more than a small multiple of the body's size.
func checkShape(key, version int16, body []byte) error {
	r := kbin.Reader{Src: body}
	switch kmsg.Key(key) {
	case kmsg.Produce:
		return checkProduce(&r, version)
	case kmsg.ApiVersions:
		if version >= 3 {
			skipCompact(&r)
			skipCompact(&r)
			if version >= 5 {
				skipCompact(&r)
				r.Int32()
			}
			skipTags(&r)
		}
	case kmsg.SASLAuthenticate:
		if version >= 2 {
			skipCompact(&r)
			skipTags(&r)
		}
	default:
		return nil
	}
	return wellFormed(&r)
}

func wellFormed(r *kbin.Reader) error {
	if !r.Ok() {
		return errors.New("the request's body is cut short")
	}
	return nil
}

// skipCompact reads over a string or bytes of a flexible version.
func skipCompact(r *kbin.Reader) {
	if n := r.Uvarint(); n > 1 {
		r.Span(int(n - 1))
	}
}

// checkProduce walks a Produce request: at most maxProduceTopics and maxProduceParts.
func checkProduce(r *kbin.Reader, version int16) error {
	flexible := version >= firstFlexible
	skipString(r, flexible)
	r.Span(2 + 4) // acks, timeout
	topics, parts := arrayLength(r, flexible), 0
	if topics > maxProduceTopics {
		return fmt.Errorf("the Produce request names %d topics; at most %d are allowed", topics, maxProduceTopics)
	}
	for ; topics > 0 && r.Ok(); topics-- {
		if version >= firstWithTopicIDs {
			r.Span(16)
		} else {
			skipString(r, flexible)
		}
		n := arrayLength(r, flexible)
		if parts += n; n > maxProduceParts || parts > maxProduceParts {
			return fmt.Errorf("the Produce request has more than %d partitions", maxProduceParts)
		}
		for ; n > 0 && r.Ok(); n-- {
			r.Int32()
			skipBytes(r, flexible)
			if flexible {
				skipTags(r)
			}
		}
		if flexible {
			skipTags(r)
		}
	}
	if flexible {
		skipTags(r)
	}
	return wellFormed(r)
}

func skipString(r *kbin.Reader, flexible bool) {
	if flexible {
		skipCompact(r)
	} else if n := r.Int16(); n > 0 {
		r.Span(int(n))
	}
}

func skipBytes(r *kbin.Reader, flexible bool) {
	if flexible {
		skipCompact(r)
	} else if n := r.Int32(); n > 0 {
		r.Span(int(n))
	}
}

func arrayLength(r *kbin.Reader, flexible bool) int {
	if flexible {
		return max(int(r.Uvarint())-1, 0)
	}
	return max(int(r.Int32()), 0)
}

// appendRequest appends a request as it goes to the broker.
func appendRequest(dst []byte, request kmsg.Request, correlationID int32, clientID string) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(request.Key()))
	dst = binary.BigEndian.AppendUint16(dst, uint16(request.GetVersion()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	dst = kbin.AppendString(dst, clientID)
	if request.IsFlexible() {
		dst = append(dst, 0)
	}
	dst = request.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-sizeBytes))
	return dst
}

// appendResponse appends a response as it goes to the client.
func appendResponse(dst []byte, response kmsg.Response, correlationID int32) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if flexibleResponseHeader(response) {
		dst = append(dst, 0)
	}
	dst = response.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-sizeBytes))
	return dst
}

func flexibleResponseHeader(response kmsg.Response) bool {
	return response.IsFlexible() && response.Key() != kmsg.ApiVersions.Int16()
}

package gateway

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request is SIZE(4) KEY(2) VERSION(2) CORRELATION(4) CLIENT_ID [TAGS] BODY, a response SIZE(4) CORRELATION(4)
// [TAGS] BODY. Size counts what follows it; tags are there where the version is flexible (KIP-482), except in
// the response to ApiVersions.
const (
	sizeBytes        = 4
	fixedHeaderBytes = 8 // key, version, correlation id

	responseHeadBytes = sizeBytes + 4 // with the correlation id
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

// Package proxyprotocol passes a client's address through a layer 4 balancer: HAProxy's PROXY protocol, version 2
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2), for TCP.
//
// It is strict. A peer that is trusted must send a header, and one that is not cannot: its first bytes are data.
// Version 1, UNIX sockets, UDP and unspecified addresses are refused; what follows the addresses (TLVs) must be well
// formed and is skipped. Reading takes exactly the header's bytes, one buffer and no goroutine.
package proxyprotocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	// fixed is the length of what comes before the addresses, and MaxLength bounds what comes after it: addresses
	// and TLVs. Real ones have less than 200 bytes, and 2 KiB with a client's certificate.
	fixed     = 16
	MaxLength = 4096
	versionLo = 0x20 // version 2 and LOCAL
	versionHi = 0x21 // version 2 and PROXY
	tcp4      = 0x11
	tcp6      = 0x21
)

// ErrMalformed is a header that breaks the protocol, or asks for what is not supported. The connection must be
// closed.
var ErrMalformed = errors.New("malformed PROXY protocol header")

// Header says from where to where the client connected. The zero value is LOCAL: the balancer itself connects, for a
// health check, and the addresses are those of the connection.
type Header struct {
	Source, Destination netip.AddrPort
}

// Local reports whether the header is a balancer's own.
func (h Header) Local() bool { return !h.Source.IsValid() }

// Between is the header for a client's connection, as the balancer sees it. Where an address is not TCP it is LOCAL.
func Between(client net.Conn) Header {
	source, ok := client.RemoteAddr().(*net.TCPAddr)
	destination, ok2 := client.LocalAddr().(*net.TCPAddr)
	if !ok || !ok2 {
		return Header{}
	}
	return Header{source.AddrPort(), destination.AddrPort()}
}

// Append appends the header to b: 16 bytes for LOCAL, 28 for IPv4, 52 for IPv6 (and for one of each). Zones are not
// sent.
func (h Header) Append(b []byte) []byte {
	b = append(b, signature...)
	if h.Local() || !h.Destination.IsValid() {
		return append(b, versionLo, 0, 0, 0)
	}
	source, destination := h.Source.Addr().Unmap(), h.Destination.Addr().Unmap()
	if source.Is4() && destination.Is4() {
		b = append(b, versionHi, tcp4, 0, 12)
		b = append(b, source.AsSlice()...)
		b = append(b, destination.AsSlice()...)
	} else {
		from, to := source.As16(), destination.As16()
		b = append(b, versionHi, tcp6, 0, 36)
		b = append(b, from[:]...)
		b = append(b, to[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, h.Source.Port())
	return binary.BigEndian.AppendUint16(b, h.Destination.Port())
}

// Read reads a header, and not a byte more. The error is ErrMalformed or the reader's.
func Read(r io.Reader) (Header, error) {
	var start [fixed]byte
	// The signature first, so that who sends something else is refused without waiting for more.
	if _, err := io.ReadFull(r, start[:len(signature)]); err != nil {
		return Header{}, fmt.Errorf("reading a PROXY protocol header: %w", err)
	}
	if string(start[:len(signature)]) != signature {
		return Header{}, fmt.Errorf("%w: it does not begin with the signature of version 2", ErrMalformed)
	}
	if _, err := io.ReadFull(r, start[len(signature):]); err != nil {
		return Header{}, fmt.Errorf("reading a PROXY protocol header: %w", short(err))
	}
	command, family, length := start[12], start[13], int(binary.BigEndian.Uint16(start[14:]))
	switch {
	case command != versionLo && command != versionHi:
		return Header{}, fmt.Errorf("%w: version and command are %#02x", ErrMalformed, command)
	case length > MaxLength:
		return Header{}, fmt.Errorf("%w: %d bytes follow, more than %d", ErrMalformed, length, MaxLength)
	case command == versionHi && family != tcp4 && family != tcp6:
		return Header{}, fmt.Errorf("%w: family %#02x is not TCP over IPv4 or IPv6", ErrMalformed, family)
	}
	rest := make([]byte, length)
	if _, err := io.ReadFull(r, rest); err != nil {
		return Header{}, fmt.Errorf("reading a PROXY protocol header: %w", short(err))
	}
	if command == versionLo {
		return Header{}, nil // whatever it says beyond that is to be ignored
	}
	return parse(family, rest)
}

// short makes the end of the stream within a header an unexpected one.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parse reads addresses and checks that TLVs fill the rest.
func parse(family byte, rest []byte) (Header, error) {
	size := 4
	if family == tcp6 {
		size = 16
	}
	if len(rest) < 2*size+4 {
		return Header{}, fmt.Errorf("%w: %d bytes are too few for its addresses", ErrMalformed, len(rest))
	}
	source, _ := netip.AddrFromSlice(rest[:size])
	destination, _ := netip.AddrFromSlice(rest[size : 2*size])
	ports := rest[2*size:]
	header := Header{
		Source:      netip.AddrPortFrom(source.Unmap(), binary.BigEndian.Uint16(ports)),
		Destination: netip.AddrPortFrom(destination.Unmap(), binary.BigEndian.Uint16(ports[2:])),
	}
	for tlvs := ports[4:]; len(tlvs) > 0; {
		if len(tlvs) < 3 || len(tlvs) < 3+int(binary.BigEndian.Uint16(tlvs[1:])) {
			return Header{}, fmt.Errorf("%w: its last TLV is cut off", ErrMalformed)
		}
		tlvs = tlvs[3+int(binary.BigEndian.Uint16(tlvs[1:])):]
	}
	return header, nil
}

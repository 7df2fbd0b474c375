package proxyprotocol_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
)

const (
	patience  = time.Minute
	signature = "0d0a0d0a000d0a515549540a"
	// As HAProxy's document lays them out: 192.0.2.1:56324 to 198.51.100.9:443, and 2001:db8::1:1 to 2001:db8::2:9092.
	v4 = signature + "2111000c" + "c0000201" + "c6336409" + "dc04" + "01bb"
	v6 = signature + "21210024" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "0001" + "2384"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func header(source, destination string) proxyprotocol.Header {
	return proxyprotocol.Header{Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort(destination)}
}

func TestRead(t *testing.T) {
	four, six := header("192.0.2.1:56324", "198.51.100.9:443"), header("[2001:db8::1]:1", "[2001:db8::2]:9092")
	for _, test := range []struct {
		name, hex string
		want      proxyprotocol.Header
		error     string
	}{
		{"IPv4", v4, four, ""},
		{"IPv6", v6, six, ""},
		{"IPv4 with TLVs", signature + "21110014" + v4[32:] + "ea0002abcd" + "040000", four, ""},
		{"an IPv4 address in IPv6", signature + "21210024" + "00000000000000000000ffffc0000201" + "00000000000000000000ffffc6336409" + "dc04" + "01bb", four, ""},
		{"LOCAL", signature + "20000000", proxyprotocol.Header{}, ""},
		{"LOCAL with anything", signature + "20ff0003" + "ffffff", proxyprotocol.Header{}, ""},
		{"version 1", hex.EncodeToString([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")), proxyprotocol.Header{}, "signature"},
		{"TLS", "160301020001" + "0001fc0303" + strings.Repeat("00", 20), proxyprotocol.Header{}, "signature"},
		{"version 3", signature + "3111000c" + v4[32:], proxyprotocol.Header{}, "version and command are 0x31"},
		{"command 2", signature + "2211000c" + v4[32:], proxyprotocol.Header{}, "version and command are 0x22"},
		{"unspecified", signature + "21000000", proxyprotocol.Header{}, "family 0x00"},
		{"UDP", signature + "2112000c" + v4[32:], proxyprotocol.Header{}, "family 0x12"},
		{"UNIX", signature + "213100d8" + strings.Repeat("00", 216), proxyprotocol.Header{}, "family 0x31"},
		{"too long", signature + "21111001" + strings.Repeat("00", 4097), proxyprotocol.Header{}, "4097 bytes follow"},
		{"LOCAL too long", signature + "2000ffff" + strings.Repeat("00", 65535), proxyprotocol.Header{}, "65535 bytes follow"},
		{"too few addresses", signature + "2111000b" + v4[32:54], proxyprotocol.Header{}, "too few"},
		{"IPv6 with IPv4's addresses", signature + "2121000c" + v4[32:], proxyprotocol.Header{}, "too few"},
		{"a TLV of two bytes", signature + "2111000e" + v4[32:] + "0400", proxyprotocol.Header{}, "TLV is cut off"},
		{"a TLV that is too long", signature + "21110010" + v4[32:] + "04000200", proxyprotocol.Header{}, "TLV is cut off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := bytes.NewReader(append(unhex(t, test.hex), "data"...))
			got, err := proxyprotocol.Read(r)
			if got != test.want || (err == nil) != (test.error == "") {
				t.Fatalf("%+v, %v; want %+v, %q", got, err, test.want, test.error)
			}
			if err != nil {
				if !errors.Is(err, proxyprotocol.ErrMalformed) || !strings.Contains(err.Error(), test.error) {
					t.Errorf("the error is %v, want %q", err, test.error)
				}
				return
			}
			if rest, _ := io.ReadAll(r); string(rest) != "data" {
				t.Errorf("after the header comes %q", rest)
			}
		})
	}
}

func TestReadOfPartOfAHeader(t *testing.T) {
	whole := unhex(t, v6)
	for n := range whole {
		if h, err := proxyprotocol.Read(bytes.NewReader(whole[:n])); !errors.Is(err, io.ErrUnexpectedEOF) && !(n == 0 && errors.Is(err, io.EOF)) {
			t.Errorf("%d bytes: %+v, %v", n, h, err)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, test := range []struct {
		header proxyprotocol.Header
		want   string
	}{
		{header("192.0.2.1:56324", "198.51.100.9:443"), v4},
		{header("[::ffff:192.0.2.1]:56324", "198.51.100.9:443"), v4},
		{header("[2001:db8::1]:1", "[2001:db8::2]:9092"), v6},
		{header("192.0.2.1:1", "[2001:db8::2]:9092"), signature + "21210024" + "00000000000000000000ffffc0000201" + v6[64:]},
		{proxyprotocol.Header{}, signature + "20000000"},
	} {
		if got := hex.EncodeToString(test.header.Append(nil)); got != test.want {
			t.Errorf("%+v:\n%s, not\n%s", test.header, got, test.want)
		}
	}
}

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

var loopback = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}

func TestReceive(t *testing.T) {
	outside, balancer := pair(t)
	client, server := pair(t)
	sent := proxyprotocol.Between(balancer)
	if _, err := client.Write(append(sent.Append(nil), "hello"...)); err != nil {
		t.Fatal(err)
	}
	conn, err := proxyprotocol.Receive(server, loopback, patience)
	if err != nil {
		t.Fatal(err)
	}
	if conn.RemoteAddr().String() != outside.LocalAddr().String() || conn.LocalAddr().String() != outside.RemoteAddr().String() {
		t.Errorf("the connection is from %s to %s, the client's from %s to %s", conn.RemoteAddr(), conn.LocalAddr(), outside.LocalAddr(), outside.RemoteAddr())
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(client); len(rest) > 0 || err != nil {
		t.Errorf("after CloseWrite the client reads %q, %v", rest, err)
	}
	client.Close()
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("the data are %q, %v", got, err)
	}
}

func TestReceiveOfLocal(t *testing.T) {
	client, server := pair(t)
	if _, err := client.Write(proxyprotocol.Header{}.Append(nil)); err != nil {
		t.Fatal(err)
	}
	conn, err := proxyprotocol.Receive(server, loopback, patience)
	if err != nil || conn.RemoteAddr().String() != client.LocalAddr().String() || conn.LocalAddr().String() != client.RemoteAddr().String() {
		t.Fatalf("from %v, %v; the peer is %s", conn, err, client.LocalAddr())
	}
}

func TestReceiveFromWhomIsNotTrusted(t *testing.T) {
	client, server := pair(t)
	sent := unhex(t, v4)
	if _, err := client.Write(sent); err != nil {
		t.Fatal(err)
	}
	client.Close()
	conn, err := proxyprotocol.Receive(server, loopback[:1], patience)
	if err != nil || conn != net.Conn(server) {
		t.Fatalf("%v, %v", conn, err)
	}
	if got, _ := io.ReadAll(conn); !bytes.Equal(got, sent) {
		t.Errorf("its header is not data: %x", got)
	}
}

func TestReceiveDoesNotWaitForever(t *testing.T) {
	client, server := pair(t)
	if _, err := client.Write(unhex(t, v4)[:20]); err != nil {
		t.Fatal(err)
	}
	if conn, err := proxyprotocol.Receive(server, loopback, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("half a header: %v, %v", conn, err)
	}
	client, server = pair(t)
	if _, err := client.Write([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00")); err != nil {
		t.Fatal(err)
	}
	if conn, err := proxyprotocol.Receive(server, loopback, patience); !errors.Is(err, proxyprotocol.ErrMalformed) {
		t.Errorf("TLS without a header, from a trusted peer: %v, %v", conn, err)
	}
}

func TestBetweenWhatIsNotTCP(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if h := proxyprotocol.Between(a); !h.Local() {
		t.Errorf("a pipe has %+v", h)
	}
	if conn, err := proxyprotocol.Receive(a, loopback, patience); conn != a || err != nil {
		t.Errorf("a pipe is trusted: %v, %v", conn, err)
	}
}

// FuzzRead: what is read is bounded, and what was read is written again as the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{v4, v6, signature + "20000000", signature + "21110014" + v4[32:] + "ea0002abcd040000"} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		h, err := proxyprotocol.Read(r)
		if used := len(data) - r.Len(); used > 16+proxyprotocol.MaxLength {
			t.Fatalf("%d bytes were read", used)
		}
		if err != nil {
			if h != (proxyprotocol.Header{}) {
				t.Fatalf("%+v comes with the error %v", h, err)
			}
			return
		}
		again, err := proxyprotocol.Read(bytes.NewReader(h.Append(nil)))
		if err != nil || again != h {
			t.Fatalf("%+v comes back as %+v, %v", h, again, err)
		}
	})
}

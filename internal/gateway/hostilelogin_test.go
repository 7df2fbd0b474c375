package gateway_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/xdg-go/scram"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

const (
	// dripPause is how long a slow client waits between two bytes: none of its times for a single byte is over then.
	dripPause = 100 * time.Millisecond
	// dripBytes are more than it gets through in the time that it has.
	dripBytes = 10_000
)

// slowClients are ways to use up a login's time; each returns how the connection ended, which the gateway has to do.
var slowClients = map[string]func(t *testing.T, c *gatewaytest.Cluster, conn net.Conn) error{
	"in the TLS handshake": func(t *testing.T, c *gatewaytest.Cluster, conn net.Conn) error {
		return drip(conn, append(clientHello(t, c)[:200], make([]byte, dripBytes)...))
	},
	"in the first frame": func(_ *testing.T, c *gatewaytest.Cluster, conn net.Conn) error {
		return drip(tls.Client(conn, c.TLS), append(frame(dripBytes, kmsg.ApiVersions.Int16(), 3), make([]byte, dripBytes)...))
	},
	"in a SASL frame": func(t *testing.T, c *gatewaytest.Cluster, conn net.Conn) error {
		r := rawOver(t, tls.Client(conn, c.TLS))
		r.handshake("SCRAM-SHA-256")
		return drip(r.conn, append(frame(dripBytes, kmsg.SASLAuthenticate.Int16(), 2), make([]byte, dripBytes)...))
	},
	"with questions that need no login": func(t *testing.T, c *gatewaytest.Cluster, conn net.Conn) error {
		secure := tls.Client(conn, c.TLS)
		go io.Copy(io.Discard, secure) // ends with the connection
		return drip(secure, bytes.Repeat(apiVersionsFrame(), dripBytes))
	},
	"with answers that it does not read": func(_ *testing.T, c *gatewaytest.Cluster, conn net.Conn) error {
		secure := tls.Client(conn, c.TLS)
		questions := bytes.Repeat(apiVersionsFrame(), 1000)
		for {
			if _, err := secure.Write(questions); err != nil {
				return err
			}
		}
	},
}

// drip writes a byte at a time until the connection ends.
func drip(conn net.Conn, content []byte) error {
	tick := time.NewTicker(dripPause)
	defer tick.Stop()
	for i := range content {
		if _, err := conn.Write(content[i : i+1]); err != nil {
			return err
		}
		<-tick.C
	}
	return errors.New("it was listened to until it had finished")
}

// clientHello is what a client begins with.
func clientHello(t *testing.T, c *gatewaytest.Cluster) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go tls.Client(near, c.TLS).Handshake() // ends when far is closed
	far.SetReadDeadline(time.Now().Add(patience))
	hello := make([]byte, 200)
	if _, err := io.ReadFull(far, hello); err != nil {
		t.Fatal(err)
	}
	return hello
}

func apiVersionsFrame() []byte {
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version, request.ClientSoftwareName, request.ClientSoftwareVersion = 3, "slow", "1"
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("slow")).AppendRequest(nil, request, 1)
}

// TestSlowLogins has clients that send a byte at a time, or read none, in every phase before a login: each has the time
// of a login and no more, while a tenant's clients log in and write.
func TestSlowLogins(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	most := 2 // of each kind
	if soak() {
		most = 200
	}
	c := gatewaytest.Start(t, gatewaytest.Options{ExemptAddresses: nobody, Limits: gateway.Limits{HandshakeTimeout: 5 * time.Second, AuthenticationTimeout: 8 * time.Second}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	before := heap()
	stop := make(chan struct{})
	var writing, dripping sync.WaitGroup
	writing.Go(func() { logInMeanwhile(t, c, key, stop) })
	for name, client := range slowClients {
		for i := range most {
			conn := dialFrom(t, c, fmt.Sprintf("127.0.2.%d", 1+i))
			conn.SetDeadline(time.Now().Add(patience))
			dripping.Go(func() {
				if err := client(t, c, conn); errors.Is(err, os.ErrDeadlineExceeded) || !ended(err) {
					t.Errorf("a client that is slow %s: %v", name, err)
				}
			})
		}
	}
	dripping.Wait()
	close(stop)
	writing.Wait()
	if grown := int64(heap()) - int64(before); grown > 64<<20 {
		t.Errorf("%d MiB more afterwards", grown>>20)
	}
}

// ended reports whether an error says that the other side has ended a connection.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || err != nil && (strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "closed"))
}

// TestTLSGarbage sends what is not TLS, or not one that is spoken here, and then waits for an answer: each connection is
// ended, and somebody else logs in meanwhile.
func TestTLSGarbage(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "logins end in the gateway")
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry, ExemptAddresses: nobody, Limits: gateway.Limits{HandshakeTimeout: 5 * time.Second, AddressFailures: 1 << 20, AddressConnections: 1 << 20, AddressAttempts: 1 << 20}})
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	hello := clientHello(t, c)
	contents := map[string][]byte{
		"HTTP":                      []byte("GET / HTTP/1.1\r\nHost: kafka\r\n\r\n"),
		"Kafka in clear":            apiVersionsFrame(),
		"a PROXY header":            []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"),
		"SSL 2":                     []byte("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"),
		"zeros":                     make([]byte, 4096),
		"a record that is too long": []byte("\x16\x03\x01\xff\xff\x01\x00"),
		"an empty record":           []byte("\x16\x03\x01\x00\x00"),
		"another version":           []byte("\x16\x09\x09\x00\x05hello"),
		"a long message":            []byte("\x16\x03\x01\x00\x04\x01\xff\xff\xff"),
		"another message":           []byte("\x16\x03\x01\x00\x04\x02\x00\x00\x00"),
		"half a hello":              hello[:100],
		"a hello and noise":         append(append([]byte{}, hello[:60]...), bytes.Repeat([]byte{0xa5}, 4096)...),
		"a heartbeat":               []byte("\x18\x03\x02\x00\x03\x01\x40\x00"),
		"an alert":                  []byte("\x15\x03\x03\x00\x02\x02\x28"),
	}
	random, noises := rand.New(rand.NewSource(1)), 50
	if soak() {
		noises = 5000
	}
	for i := range noises {
		noise := make([]byte, 1+random.Intn(2000))
		random.Read(noise)
		noise[0] = []byte{0x16, noise[0]}[i%2]
		contents[fmt.Sprint("noise ", i)] = noise
	}
	stop := make(chan struct{})
	var writing, sending sync.WaitGroup
	writing.Go(func() { logInMeanwhile(t, c, key, stop) })
	slots := make(chan struct{}, 100)
	for name, content := range contents {
		slots <- struct{}{}
		conn := dialFrom(t, c, "127.0.0.2")
		conn.SetDeadline(time.Now().Add(patience))
		sending.Go(func() {
			defer func() { <-slots }()
			defer conn.Close()
			conn.Write(content) // an error is an end too
			if answer, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || len(answer) > 64 {
				t.Errorf("%s: %d bytes, %v", name, len(answer), err)
			}
		})
	}
	sending.Wait()
	close(stop)
	writing.Wait()
	eventually(t, func() string {
		if n := metric(t, registry, "orrery_gateway_connections", ""); n > 5 {
			return fmt.Sprintf("the gateway holds %v connections", n)
		}
		return ""
	})
}

// replacing returns a function that replaces what an expression finds.
func replacing(expression, by string) func(string) string {
	find := regexp.MustCompile(expression)
	return func(s string) string { return find.ReplaceAllLiteralString(s, by) }
}

func same(s string) string { return s }

// TestHostileSCRAM changes one field after another of a good exchange; each is refused.
func TestHostileSCRAM(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	key, other := c.Admin(tenant), c.Key(tenant, tenant.LogicalClusterID, "sa-other")
	firsts := map[string]func(string) string{
		"channel binding that the client thinks away": replacing(`^n,,`, "y,,"), "channel binding": replacing(`^n,,`, "p=tls-exporter,,"),
		"no header": replacing(`^n,,`, ""), "a header of nothing": replacing(`^n,,`, ",,"), "as another": replacing(`^n,,`, "n,a="+other.ID+","),
		"another user": replacing(`n=[^,]*`, "n="+other.ID), "no user": replacing(`n=[^,]*,`, ""), "an empty user": replacing(`n=[^,]*`, "n="),
		"a huge user": replacing(`n=[^,]*`, "n="+strings.Repeat("A", 5000)), "a user with a NUL": replacing(`n=[^,]*`, "n="+key.ID+"\x00"),
		"two users": replacing(`n=[^,]*`, "n="+key.ID+",n="+other.ID), "an escape of nothing": replacing(`n=[^,]*`, "n=="),
		"no nonce": replacing(`,r=.*`, ""), "an empty nonce": replacing(`r=.*`, "r="), "another nonce": replacing(`r=.*`, "r=other"),
		"a huge nonce": replacing(`r=.*`, "r="+strings.Repeat("x", 60_000)), "a mandatory extension": replacing(`^n,,`, "n,,m=ext,"),
		"not UTF-8": replacing(`r=.*`, "r=\xff\xfe"), "the order": func(s string) string { return "n,," + s[strings.Index(s, "r="):] + ",n=" + key.ID },
	}
	finals := map[string]func(string) string{
		"no binding": replacing(`^c=[^,]*,`, ""), "an empty binding": replacing(`c=[^,]*`, "c="), "another binding": replacing(`c=[^,]*`, "c="+base64.StdEncoding.EncodeToString([]byte("y,,"))),
		"a binding to another": replacing(`c=[^,]*`, "c="+base64.StdEncoding.EncodeToString([]byte("n,a="+other.ID+","))), "a binding that is no base64": replacing(`c=[^,]*`, "c=%%%"),
		"no nonce": replacing(`r=[^,]*,`, ""), "the client's nonce": replacing(`r=[^,]*`, "r=abc"), "a longer nonce": replacing(`r=([^,]*)`, "r=x"),
		"no proof": replacing(`,p=.*`, ""), "an empty proof": replacing(`p=.*`, "p="), "a proof of zeros": replacing(`p=.*`, "p="+base64.StdEncoding.EncodeToString(make([]byte, 32))),
		"a proof that is no base64": replacing(`p=.*`, "p=%%%"), "a long proof": replacing(`p=.*`, "p="+base64.StdEncoding.EncodeToString(make([]byte, 700))),
		"a short proof": replacing(`p=.*`, "p=AAAA"), "an extension that was not proved": replacing(`,p=`, ",x=1,p="), "a proof twice": replacing(`$`, ",p=AAAA"),
		"the first again": func(string) string { return "n,,n=" + key.ID + ",r=abc" }, "nothing": func(string) string { return "" }, "a NUL": replacing(`$`, "\x00"),
		"another proof": func(s string) string {
			at := strings.Index(s, "p=") + 2
			proof, _ := base64.StdEncoding.DecodeString(s[at:])
			proof[0] ^= 1
			return s[:at] + base64.StdEncoding.EncodeToString(proof)
		},
	}
	for name, change := range firsts {
		if code := scramLogin(t, c, key, change, same); code != kerr.SaslAuthenticationFailed.Code {
			t.Errorf("the first message with %s: error %d", name, code)
		}
	}
	for name, change := range finals {
		if code := scramLogin(t, c, key, same, change); code != kerr.SaslAuthenticationFailed.Code {
			t.Errorf("the final message with %s: error %d", name, code)
		}
	}
	if code := scramLogin(t, c, key, same, same); code != 0 {
		t.Errorf("the good exchange: error %d", code)
	}
}

// scramLogin logs in with messages that are changed on the way, and returns the error. A connection that was refused
// ends.
func scramLogin(t *testing.T, c *gatewaytest.Cluster, key gatewaytest.Key, first, final func(string) string) int16 {
	t.Helper()
	client, err := scram.SHA256.NewClient(key.ID, key.Secret, "")
	if err != nil {
		t.Fatal(err)
	}
	conversation := client.NewConversation()
	r := dialRaw(t, c)
	r.handshake("SCRAM-SHA-256")
	message, err := conversation.Step("")
	if err != nil {
		t.Fatal(err)
	}
	response := r.authenticate(first(message))
	if response.ErrorCode == 0 {
		if message, err = conversation.Step(string(response.SASLAuthBytes)); err != nil { // the client finds out first
			message = "c=biws,r=abc,p=AAAA"
		}
		response = r.authenticate(final(message))
	}
	if response.ErrorCode != 0 {
		r.expectClosed()
	}
	return response.ErrorCode
}

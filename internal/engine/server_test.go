package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProperties(t *testing.T) {
	have, err := Server{
		NodeID: 3, DataDir: "/data/lög", ControllerListener: "CONTROLLER", InterBrokerListener: "PLATFORM", SuperUsers: []string{"User:CN=a,O=b", "User:c"},
		Voters: testVoters[:2],
		Listeners: []Listener{
			{Name: "PLATFORM", Protocol: "SSL", Address: "127.0.0.1:9092", Advertised: "b3.example:9092", KeyStore: "/k.pem", TrustStore: "/t.pem"},
			{Name: "LOGIN", Protocol: "SASL_PLAINTEXT", Address: "127.0.0.1:9094", Users: map[string]string{"tenants": "a;b='", "control": "x"}},
			{Name: "CONTROLLER", Protocol: "PLAINTEXT", Address: "127.0.0.1:9093"},
			{Name: "ELSEWHERE", Protocol: "SSL", KeyStore: "/k.pem"},
		},
		Config: map[string]string{"b": " led \\ by\ta space", "a key": "\U0001f600"},
	}.Properties()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`a\ key=\ud83d\ude00`,
		`advertised.listeners=PLATFORM://b3.example:9092,LOGIN://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093`,
		`authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer`,
		`b=\ led \\ by\u0009a space`,
		`controller.listener.names=CONTROLLER`,
		`controller.quorum.bootstrap.servers=127.0.0.1:19093,127.0.0.1:65535`,
		`inter.broker.listener.name=PLATFORM`,
		`listener.name.elsewhere.ssl.keystore.location=/k.pem`,
		`listener.name.elsewhere.ssl.keystore.type=PEM`,
		`listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_control="x" user_tenants="a;b='";`,
		`listener.name.login.sasl.enabled.mechanisms=PLAIN`,
		`listener.name.platform.ssl.client.auth=required`,
		`listener.name.platform.ssl.keystore.location=/k.pem`,
		`listener.name.platform.ssl.keystore.type=PEM`,
		`listener.name.platform.ssl.truststore.location=/t.pem`,
		`listener.name.platform.ssl.truststore.type=PEM`,
		`listener.security.protocol.map=PLATFORM:SSL,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,ELSEWHERE:SSL`,
		`listeners=PLATFORM://127.0.0.1:9092,LOGIN://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093`,
		`log.dirs=/data/l\u00f6g`,
		`node.id=3`,
		`process.roles=broker,controller`,
		`super.users=User:CN=a,O=b;User:c`,
	}, "\n") + "\n"
	if diff := cmp.Diff(want, string(have)); diff != "" {
		t.Error(diff)
	}
}

func TestPropertiesBadInput(t *testing.T) {
	for want, spoil := range map[string]func(*Server){
		"negative":           func(s *Server) { s.NodeID = -1 },
		"data directory":     func(s *Server) { s.DataDir = "a,b" },
		"no controllers":     func(s *Server) { s.Voters = nil },
		"no listeners":       func(s *Server) { s.Listeners = nil },
		"with an address":    func(s *Server) { s.Listeners[0].Address = "" },
		"semicolon":          func(s *Server) { s.SuperUsers = []string{"User:a;User:b"} },
		"node.id follows":    func(s *Server) { s.Config = map[string]string{"node.id": "7"} },
		"without a name":     func(s *Server) { s.Config = map[string]string{"": "7"} },
		"two listeners":      func(s *Server) { s.Listeners = append(s.Listeners, s.Listeners[0]) },
		"capital letters":    func(s *Server) { s.Listeners[0].Name = "a,b" },
		"missing port":       func(s *Server) { s.Listeners[0].Address = "localhost" },
		"is not PLAINTEXT":   func(s *Server) { s.Listeners[0].Protocol = "TLS" },
		"SASL belong":        func(s *Server) { s.Listeners[0].Protocol = "SASL_PLAINTEXT" },
		"TLS belong":         func(s *Server) { s.Listeners[0].Protocol = "SSL" },
		"user name":          func(s *Server) { s.Listeners[0] = login(map[string]string{"a b": "x"}) },
		"password of a is":   func(s *Server) { s.Listeners[0] = login(map[string]string{"a": `x" user_b="y`}) },
		"password of e is":   func(s *Server) { s.Listeners[0] = login(map[string]string{"e": ""}) },
		"backslashes":        func(s *Server) { s.Listeners[0] = login(map[string]string{"a": `\`}) },
		"node 5: listener A": func(s *Server) { s.NodeID, s.Listeners[0].Protocol = 5, "" },
	} {
		s := Server{DataDir: "/d", ControllerListener: "A", Voters: testVoters, Listeners: []Listener{{Name: "A", Protocol: "PLAINTEXT", Address: "h:1"}}}
		spoil(&s)
		if text, err := s.Properties(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v and %q", want, err, text)
		} else if strings.Contains(err.Error(), "user_b") {
			t.Errorf("the error has a password in it: %v", err)
		}
	}
}

func login(users map[string]string) Listener {
	return Listener{Name: "A", Protocol: "SASL_PLAINTEXT", Address: "h:1", Users: users}
}

package engine

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Server is one node of a cluster in KRaft mode.
type Server struct {
	// NodeID is the node's number, from 0.
	NodeID int32
	// Roles are broker, controller or both; empty means both.
	Roles []string
	// Listeners are where the node listens, the controllers' listener included.
	Listeners []Listener
	// ControllerListener and InterBrokerListener are the names of the listeners that controllers and brokers use among
	// themselves. A node that is a broker only has the ControllerListener among its Listeners without an Address; one that
	// is a controller only names no InterBrokerListener.
	ControllerListener, InterBrokerListener string
	// Voters are the controllers, the same for each node.
	Voters []Voter
	// DataDir is the directory of records and metadata (log.dirs).
	DataDir string
	// SuperUsers are principals, such as User:admin, that may do anything. With SuperUsers the broker authorizes each
	// request (StandardAuthorizer, default deny); without, it lets anybody do anything.
	SuperUsers []string
	// Config are more settings. One that follows from the other fields may not be among them.
	Config map[string]string
}

// Listener is one address that a node listens on.
type Listener struct {
	// Name is the listener's name, such as PLATFORM: capital letters, digits and underscores.
	Name string
	// Protocol is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
	Protocol string
	// Address is host:port to listen on; Advertised what clients are told, where it differs. Without an Address it is a
	// listener of others that the node only connects to.
	Address, Advertised string
	// Users are names and passwords for SASL with the mechanism PLAIN. They end up in the file as they are.
	Users map[string]string
	// KeyStore is the path of a PEM file with the key (PKCS#8) and the certificate chain, for SSL and SASL_SSL.
	KeyStore string
	// TrustStore is the path of a PEM file with the certificate authorities of clients, who then have to show a
	// certificate. Empty means that they need none.
	TrustStore string
}

// Voter is one controller of the quorum.
type Voter struct {
	NodeID int32
	// DirectoryID is the id of its data directory (NewID).
	DirectoryID string
	// Address is its controller listener's, host:port.
	Address string
}

// Properties is the text of server.properties, the same for the same Server.
func (s Server) Properties() ([]byte, error) {
	settings, err := s.settings()
	if err != nil {
		return nil, fmt.Errorf("node %d: %w", s.NodeID, err)
	}
	for key, value := range s.Config {
		if _, taken := settings[key]; taken {
			return nil, fmt.Errorf("node %d: %s follows from the other fields and cannot be set", s.NodeID, key)
		}
		if key == "" {
			return nil, fmt.Errorf("node %d: a setting without a name", s.NodeID)
		}
		settings[key] = value
	}
	var text []byte
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		text = appendProperty(text, key, settings[key])
	}
	return text, nil
}

func (s Server) settings() (map[string]string, error) {
	if s.NodeID < 0 {
		return nil, fmt.Errorf("the node id is negative")
	}
	if s.DataDir == "" || strings.Contains(s.DataDir, ",") {
		return nil, fmt.Errorf("the data directory is %q; it has to be one, without a comma", s.DataDir)
	}
	if len(s.Voters) == 0 {
		return nil, fmt.Errorf("no controllers")
	}
	roles := s.Roles
	if len(roles) == 0 {
		roles = []string{"broker", "controller"}
	}
	settings := map[string]string{
		"process.roles": strings.Join(roles, ","), "node.id": strconv.Itoa(int(s.NodeID)), "log.dirs": s.DataDir,
		"controller.listener.names": s.ControllerListener,
	}
	if s.InterBrokerListener != "" {
		settings["inter.broker.listener.name"] = s.InterBrokerListener
	}
	voters := make([]string, len(s.Voters))
	for n, voter := range s.Voters {
		voters[n] = voter.Address
	}
	settings["controller.quorum.bootstrap.servers"] = strings.Join(voters, ",")
	if len(s.SuperUsers) > 0 {
		settings["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		settings["super.users"] = strings.Join(s.SuperUsers, ";")
		for _, user := range s.SuperUsers {
			if strings.Contains(user, ";") {
				return nil, fmt.Errorf("a super user's name, %q, has a semicolon", user)
			}
		}
	}
	return settings, s.listeners(settings)
}

// listeners adds what concerns the listeners.
func (s Server) listeners(settings map[string]string) error {
	var listeners, advertised, protocols []string
	names := map[string]bool{}
	for _, l := range s.Listeners {
		if names[l.Name] {
			return fmt.Errorf("two listeners are named %s", l.Name)
		}
		names[l.Name] = true
		if err := l.settings(settings); err != nil {
			return fmt.Errorf("listener %s: %w", l.Name, err)
		}
		protocols = append(protocols, l.Name+":"+l.Protocol)
		if l.Address == "" {
			continue
		}
		listeners = append(listeners, l.Name+"://"+l.Address)
		switch {
		case l.Advertised != "":
			advertised = append(advertised, l.Name+"://"+l.Advertised)
		default:
			advertised = append(advertised, l.Name+"://"+l.Address)
		}
	}
	if len(listeners) == 0 {
		return fmt.Errorf("no listeners with an address")
	}
	settings["listeners"] = strings.Join(listeners, ",")
	settings["advertised.listeners"] = strings.Join(advertised, ",")
	settings["listener.security.protocol.map"] = strings.Join(protocols, ",")
	return nil
}

// settings adds what concerns one listener.
func (l Listener) settings(settings map[string]string) error {
	if l.Name == "" || strings.Trim(l.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return fmt.Errorf("its name has to be capital letters, digits and underscores")
	}
	for _, address := range []string{l.Address, l.Advertised} {
		if _, _, err := net.SplitHostPort(address); err != nil && address != "" {
			return err
		}
	}
	if !slices.Contains([]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, l.Protocol) {
		return fmt.Errorf("%q is not PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", l.Protocol)
	}
	prefix := "listener.name." + strings.ToLower(l.Name) + "."
	if strings.HasPrefix(l.Protocol, "SASL_") != (len(l.Users) > 0) {
		return fmt.Errorf("users and SASL belong together")
	}
	if strings.HasSuffix(l.Protocol, "SSL") != (l.KeyStore != "") {
		return fmt.Errorf("a key store and TLS belong together")
	}
	if len(l.Users) > 0 {
		login, err := plainLogin(l.Users)
		if err != nil {
			return err
		}
		settings[prefix+"sasl.enabled.mechanisms"] = "PLAIN"
		settings[prefix+"plain.sasl.jaas.config"] = login
	}
	if l.KeyStore != "" {
		settings[prefix+"ssl.keystore.type"], settings[prefix+"ssl.keystore.location"] = "PEM", l.KeyStore
	}
	if l.TrustStore != "" {
		settings[prefix+"ssl.truststore.type"], settings[prefix+"ssl.truststore.location"] = "PEM", l.TrustStore
		settings[prefix+"ssl.client.auth"] = "required"
	}
	return nil
}

// plainLogin is the value of sasl.jaas.config: one option user_NAME="PASSWORD" for each user. Its syntax has quotes and
// backslashes of its own, which neither names nor passwords need.
func plainLogin(users map[string]string) (string, error) {
	text := "org.apache.kafka.common.security.plain.PlainLoginModule required"
	for _, name := range slices.Sorted(maps.Keys(users)) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !isNameRune(r) }) {
			return "", fmt.Errorf("the user name %q is not letters, digits, dots, hyphens and underscores", name)
		}
		password := users[name]
		if password == "" || strings.ContainsFunc(password, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return "", fmt.Errorf("the password of %s is empty or not printable ASCII without spaces, quotes and backslashes", name)
		}
		text += fmt.Sprintf(" user_%s=%q", name, password)
	}
	return text + ";", nil
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
}

// appendProperty writes a line of a Java properties file, which is Latin-1, in ASCII.
func appendProperty(text []byte, key, value string) []byte {
	text = escapeProperty(text, key, true)
	text = append(text, '=')
	return append(escapeProperty(text, value, false), '\n')
}

func escapeProperty(text []byte, s string, key bool) []byte {
	for n, r := range s {
		switch {
		case r == '\\', r == ' ' && (key || n == 0), key && strings.ContainsRune("=:#!", r):
			text = append(text, '\\', byte(r))
		case r < ' ' || r > '~':
			for _, unit := range utf16.AppendRune(nil, r) {
				text = fmt.Appendf(text, "\\u%04x", unit)
			}
		default:
			text = append(text, byte(r))
		}
	}
	return text
}

package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

//go:embed templates/*.tmpl
var templates embed.FS

// clientConfig is what the templates fill in.
type clientConfig struct {
	Name, Bootstrap, APIKey, APISecret string
	CAFile                             string // absolute, or ""
	Topic, Group                       string
}

const clientConfigLong = `Print a configuration or a small program for a Kafka client, complete with the
cluster's address, an API key and the CA file: save it and run it.

The key is that of --api-key and --api-secret, else of ORRERY_KAFKA_API_KEY and
ORRERY_KAFKA_API_SECRET, else the one that "orrery api-key create --save" kept.
The output holds its secret: keep the file to yourself.`

func (p *program) kafkaClientConfigCommand() *cobra.Command {
	language := func(name, short string) *cobra.Command {
		var k kafkaFlags
		var topic, consumerGroup string
		cmd := &cobra.Command{
			Use: name, Short: short, Args: arguments(),
			Long: short + ".\n\n" + strings.SplitAfterN(clientConfigLong, "\n\n", 2)[1],
			RunE: func(cmd *cobra.Command, args []string) error {
				a, err := p.access(cmd.Context(), k)
				if err != nil {
					return err
				}
				return p.writeClientConfig(name, a, topic, consumerGroup)
			},
		}
		cmd.Example = "orrery kafka client-config " + name + " > " + clientConfigFile(name)
		if strings.HasPrefix(short, "A program") {
			cmd.Flags().StringVar(&topic, "topic", "greetings", "`TOPIC` that the program writes and reads")
			cmd.Flags().StringVar(&consumerGroup, "group", "hello", "consumer `GROUP` of the program")
		}
		k.add(cmd.Flags())
		return cmd
	}
	return group(&cobra.Command{
		Use: "client-config", Short: "Print a complete configuration or program for a Kafka client", Long: clientConfigLong,
		Example: "orrery kafka client-config python --topic greetings > hello.py\norrery kafka client-config java > client.properties",
	},
		language("librdkafka", "Properties for librdkafka and what is built on it"),
		language("java", "Properties for the Java client and Kafka's tools"),
		language("franz-go", "A program in Go with franz-go"),
		language("python", "A program in Python with confluent-kafka"),
		language("nodejs", "A program for Node.js with @confluentinc/kafka-javascript"),
	)
}

func clientConfigFile(language string) string {
	return map[string]string{
		"librdkafka": "kcat.conf", "java": "client.properties", "franz-go": "main.go", "python": "hello.py", "nodejs": "hello.js",
	}[language]
}

func (p *program) writeClientConfig(language string, a kafkaAccess, topic, consumerGroup string) error {
	config := clientConfig{Name: a.name(), Bootstrap: a.bootstrap, APIKey: a.apiKey, APISecret: a.apiSecret, Topic: topic, Group: consumerGroup}
	if a.caFile != "" {
		path, err := filepath.Abs(a.caFile)
		if err != nil {
			return err
		}
		config.CAFile = path
	}
	text, err := renderClientConfig(language, config)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(text)
	return err
}

// renderClientConfig fills in the template of a language. A value that no configuration file can hold is
// refused: control characters, and what is not UTF-8.
func renderClientConfig(language string, config clientConfig) ([]byte, error) {
	for _, value := range []string{config.Name, config.Bootstrap, config.APIKey, config.APISecret, config.CAFile, config.Topic, config.Group} {
		if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return nil, usageError("", "an address, key, path or name holds a control character")
		}
	}
	t, err := template.New("").Funcs(template.FuncMap{
		"plain": strings.TrimSpace, "property": property, "jaas": jaas, "quote": quote, "goquote": strconv.Quote,
	}).ParseFS(templates, "templates/"+language+".tmpl")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.ExecuteTemplate(&out, language+".tmpl", config)
	return out.Bytes(), err
}

// property escapes a value for a Java properties file (java.util.Properties.load).
func property(s string) string {
	escaped := strings.ReplaceAll(s, `\`, `\\`)
	if strings.HasPrefix(escaped, " ") {
		escaped = `\` + escaped
	}
	var b strings.Builder
	for _, r := range escaped {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r <= 0xffff:
			b.WriteString(unicodeEscape(uint16(r)))
		default: // the file is read as ISO 8859-1, and an escape holds 16 bits
			r -= 0x10000
			b.WriteString(unicodeEscape(uint16(0xd800 + r>>10)))
			b.WriteString(unicodeEscape(uint16(0xdc00 + r&0x3ff)))
		}
	}
	return b.String()
}

func unicodeEscape(unit uint16) string {
	digits := strconv.FormatUint(uint64(unit), 16)
	return `\u` + strings.Repeat("0", 4-len(digits)) + digits
}

// jaas is the login configuration of the Java client.
func jaas(user, password string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	return `org.apache.kafka.common.security.plain.PlainLoginModule required username="` + escape(user) + `" password="` + escape(password) + `";`
}

// quote writes a string literal that Python and JavaScript read alike.
func quote(s string) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return "", err
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

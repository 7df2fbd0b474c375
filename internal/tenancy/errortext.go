package tenancy

import (
	"strings"
	"unicode/utf8"
)

const (
	// maxErrorText bounds what a broker's error message may tell a tenant, in bytes.
	maxErrorText = 1024
	// platformPrefix begins the names of the platform's own topics.
	platformPrefix = "_orrery_"
)

// ErrorText returns a broker's error message as the tenant may read it: its own physical names become the names
// that it knows, and a message that speaks of another tenant, or of the platform's own topics, is replaced.
func (p Prefix) ErrorText(message string) string {
	message = strings.ReplaceAll(message, string(p), "")
	if namesAnother(message) {
		return "The broker refused the request."
	}
	if len(message) <= maxErrorText {
		return message
	}
	end := maxErrorText
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end]
}

// namesAnother reports whether text holds what can only be the prefix of another tenant, or the name of a topic
// of the platform.
func namesAnother(text string) bool {
	if strings.Contains(text, platformPrefix) {
		return true
	}
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "lkc-")
		if !found {
			return false
		}
		if end := strings.IndexFunc(after, notInID); end > 0 && after[end] == separator[0] {
			return true
		}
		rest = after
	}
}

func notInID(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

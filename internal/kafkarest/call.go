package kafkarest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
)

// call is one request of an authenticated caller.
type call struct {
	caller     gateway.Caller
	gateway    Gateway
	client     *kgo.Client
	release    func()
	writer     http.ResponseWriter
	request    *http.Request
	controller *http.ResponseController
}

func (c *call) topic() string { return c.request.PathValue("topic_name") }

// streaming reports whether the body may go on for as long as the caller likes.
func (c *call) streaming() bool { return strings.HasSuffix(c.request.Pattern, "/records") }

// extendDeadlines gives reading and writing the time of one more request, or of one more record. A response writer
// that has no deadlines, such as a recorder, needs none.
func extendDeadlines(controller *http.ResponseController) {
	deadline := time.Now().Add(requestTimeout)
	_ = controller.SetReadDeadline(deadline)
	_ = controller.SetWriteDeadline(deadline.Add(requestTimeout)) // an answer follows what was read
}

// answer writes a JSON document with a status.
func (c *call) answer(status int, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	c.writer.Header().Set("Content-Type", "application/json")
	c.writer.WriteHeader(status)
	_, _ = c.writer.Write(append(body, '\n')) // an error here is the caller's connection: nobody is left to tell
	return nil
}

// noContent answers 204.
func (c *call) noContent() error {
	c.writer.WriteHeader(http.StatusNoContent)
	return nil
}

// read decodes the body into target, a pointer to a struct of the public API: exactly one JSON object, with no
// field that the API does not have.
func (c *call) read(target any) error {
	if err := c.checkContentType(); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.writer, c.request.Body, maxBodyBytes))
	if err != nil {
		return readFailure(err)
	}
	return decodeObject(body, target)
}

func (c *call) checkContentType() error {
	header := c.request.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(header); err != nil || media != "application/json" {
		return &failure{status: http.StatusUnsupportedMediaType, code: http.StatusUnsupportedMediaType, message: "the Content-Type must be application/json"}
	}
	return nil
}

func readFailure(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return tooLarge("the body", large.Limit)
	}
	return badRequest("reading the body failed: %v", err)
}

// decodeObject decodes one JSON object strictly.
func decodeObject(document []byte, target any) error {
	trimmed := strings.TrimLeft(string(document), " \t\r\n")
	if trimmed == "" {
		return badRequest("the body is empty and must be a JSON object")
	}
	if trimmed[0] != '{' {
		return badRequest("the body must be a JSON object")
	}
	decoder := json.NewDecoder(strings.NewReader(trimmed))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return badRequest("the body is not what this operation takes: %s", describeDecode(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("the body has something behind its JSON object")
	}
	return nil
}

// describeDecode says what a JSON decoder did not like in the words of its user.
func describeDecode(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("the field %q must not be a JSON %s", kind.Field, kind.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the JSON ends too early"
	default:
		return strings.TrimPrefix(err.Error(), "json: ")
	}
}

// origin is the scheme and host of the URL, as the caller reached it.
func (c *call) origin() string {
	if c.request.TLS != nil {
		return "https://" + c.request.Host
	}
	return "http://" + c.request.Host
}

// link returns the URL of something below the cluster, as the caller reached it.
func (c *call) link(elements ...string) string {
	link := c.origin() + clustersPath + url.PathEscape(c.caller.LogicalClusterID)
	for _, element := range elements {
		link += "/" + url.PathEscape(element)
	}
	return link
}

// crn names the cluster as the parent of topics.
func (c *call) crn() orrery.CRN {
	return orrery.KafkaCRN(c.caller.OrganizationID, c.caller.EnvironmentID, c.caller.LogicalClusterID)
}

// metadata is the metadata of every object; resource names one, for a link and a CRN.
type metadata struct {
	Self         string `json:"self"`
	ResourceName string `json:"resource_name,omitempty"`
}

// relationship is a link to something related.
type relationship struct {
	Related string `json:"related"`
}

// list is every listing. All of it is in one page, so Next is null.
type list[T any] struct {
	Kind     string       `json:"kind"`
	Metadata listMetadata `json:"metadata"`
	Data     []T          `json:"data"`
}

type listMetadata struct {
	Self string  `json:"self"`
	Next *string `json:"next"`
}

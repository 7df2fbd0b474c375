package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

// Client talks to one control plane. It may be used from several goroutines once its fields are set.
type Client struct {
	// URL is the API's address, such as https://orrery.example.com:8443.
	URL string
	// APIKey and APISecret are a Cloud API key. They are sent with each request.
	APIKey, APISecret string
	// HTTPClient sends the requests; nil means http.DefaultClient. A timeout of it must be longer than 15 s: an
	// answer to a creation or deletion comes once it is in force everywhere.
	HTTPClient *http.Client
	// UserAgent is sent with each request where it is not "".
	UserAgent string
}

const (
	maxAnswer = 16 << 20 // bytes
	pageSize  = "100"
)

// Failure is the cause behind an *orrery.Error that an HTTP answer was turned into.
type Failure struct {
	Status    int    // of HTTP
	RequestID string // in the server's log; "" where the answer came from something else
	// RetryAfter is what the server asked to wait, 0 where it did not.
	RetryAfter time.Duration
}

// Error names the status and the request.
func (f *Failure) Error() string {
	if f.RequestID == "" {
		return fmt.Sprintf("HTTP status %d", f.Status)
	}
	return fmt.Sprintf("HTTP status %d, request %s", f.Status, f.RequestID)
}

// do sends a request and decodes its answer into a T. A nil body sends none.
func do[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (T, error) {
	var out T
	request, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return out, err
	}
	httpClient := c.HTTPClient
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return out, unreachable(c.URL, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return out, unreachable(c.URL, err)
	case len(content) > maxAnswer:
		return out, orrery.Errorf(orrery.Invalid, "the answer of %s is larger than %d bytes", c.URL, maxAnswer)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return out, failure(c.URL, response, content)
	case len(content) == 0:
		return out, nil
	}
	if err := json.Unmarshal(content, &out); err != nil {
		return out, &orrery.Error{Code: orrery.Invalid, Message: fmt.Sprintf("the answer of %s cannot be understood; is this the address of an Orrery API?", c.URL), Err: err}
	}
	return out, nil
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, orrery.Errorf(orrery.Invalid, "%q is not the address of an API; it must be like https://HOST:PORT", c.URL)
	}
	target := strings.TrimRight(c.URL, "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, &orrery.Error{Code: orrery.Invalid, Message: "the request cannot be encoded", Err: err}
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, &orrery.Error{Code: orrery.Invalid, Message: "the request cannot be made", Err: err}
	}
	request.SetBasicAuth(c.APIKey, c.APISecret)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.UserAgent != "" {
		request.Header.Set("User-Agent", c.UserAgent)
	}
	return request, nil
}

// unreachable makes an Unavailable error; errors.Is finds the cause, such as context.Canceled, behind it.
func unreachable(address string, err error) error {
	var transport *url.Error
	if errors.As(err, &transport) {
		err = transport.Err // without the method and the whole URL
	}
	return &orrery.Error{Code: orrery.Unavailable, Message: "cannot reach " + address, Err: err}
}

// failure makes an error of an answer that is not 2xx.
func failure(address string, response *http.Response, content []byte) error {
	cause := &Failure{Status: response.StatusCode, RequestID: response.Header.Get("X-Request-Id")}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		cause.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	var body wire.Failure
	if json.Unmarshal(content, &body) != nil || len(body.Errors) == 0 {
		return &orrery.Error{
			Code: wire.CodeOf("", response.StatusCode), Err: cause,
			Message: fmt.Sprintf("%s answered %s, and not as an Orrery API does", address, response.Status),
		}
	}
	first := body.Errors[0]
	out := &orrery.Error{Code: wire.CodeOf(first.Code, response.StatusCode), Message: first.Detail, Err: cause}
	if out.Message == "" {
		out.Message = first.Title
	}
	if first.Source != nil {
		out.Pointer = first.Source.Pointer
	}
	return out
}

// each lists all objects of a path, page by page, and ends after the first error.
func each[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		next := url.Values{"page_size": {pageSize}}
		for name, values := range query {
			next[name] = values
		}
		for {
			page, err := do[wire.List[T]](ctx, c, http.MethodGet, path, next, nil)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, object := range page.Data {
				if !yield(object, nil) {
					return
				}
			}
			token, err := pageToken(page.Metadata.Next)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if token == "" {
				return
			}
			next.Set("page_token", token)
		}
	}
}

// pageToken takes the token out of the link to the next page. The rest of the link is not followed: credentials
// go to Client.URL only.
func pageToken(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	next, err := url.Parse(link)
	if err != nil || next.Query().Get("page_token") == "" {
		return "", orrery.Errorf(orrery.Invalid, "the link to the next page has no page_token: %q", link)
	}
	return next.Query().Get("page_token"), nil
}

// filters makes a query of name, value, name, value, …; an empty value is no filter.
func filters(pairs ...string) url.Values {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return query
}

// at is the path of an object.
func at(path, id string) string { return path + "/" + url.PathEscape(id) }

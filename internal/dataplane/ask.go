package dataplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// Ask sends a GET to the administration socket at a path of the file system, however long that is. The caller closes
// the answer's body.
func Ask(ctx context.Context, socket, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin"+path, nil)
	if err != nil {
		return nil, err
	}
	return overSocket(socket).RoundTrip(request)
}

// read returns what a socket answers, which is an error where it is not 200 or has more than most bytes.
func read(ctx context.Context, socket, path string, most int64) ([]byte, error) {
	response, err := Ask(ctx, socket, path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %.500s", response.Status, answer)
	case int64(len(answer)) > most:
		return nil, fmt.Errorf("the answer of %s has more than %d bytes", socket, most)
	}
	return answer, nil
}

// overSocket sends each request over a connection of its own.
func overSocket(socket string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return process.DialSocket(ctx, socket) },
	}
}

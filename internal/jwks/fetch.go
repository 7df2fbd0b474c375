package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/oauthbearer"
)

const maxHeader = 64 << 10 // bytes of an answer's header

func newClient(config Config) *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: guard(config.Networks)}
	return &http.Client{
		Transport: &http.Transport{
			// No proxy: it would reach what guard keeps us from.
			DialContext:     dialer.DialContext,
			TLSClientConfig: &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12},
			// Fetches are minutes apart.
			DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			switch {
			case r.URL.Scheme != "https":
				return errPlain
			case len(via) > maxRedirects:
				return errRedirects
			}
			return nil
		},
	}
}

var (
	errPlain     = errors.New("only https is fetched")
	errRedirects = fmt.Errorf("it redirects more than %d times", maxRedirects)
	errTooLarge  = fmt.Errorf("its answer has more than %d bytes", oauthbearer.MaxKeySet)
)

// get fetches a key set, and says for how long it may be kept.
func get(ctx context.Context, client *http.Client, uri string) (document []byte, keys []orrery.PublicKey, refresh time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil || request.URL.Scheme != "https" {
		return nil, nil, 0, errPlain
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", "orrery")
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, 0, explain(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nil, 0, fmt.Errorf("it answers with status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, oauthbearer.MaxKeySet+1))
	switch {
	case err != nil:
		return nil, nil, 0, explain(err)
	case len(body) > oauthbearer.MaxKeySet:
		return nil, nil, 0, errTooLarge
	}
	document, keys, err = reduce(body)
	return document, keys, refreshAfter(response.Header), err
}

// publicKey is the fields of a key that check signatures: no certificates, and nothing private.
type publicKey struct {
	orrery.PublicKey
	Modulus  string `json:"n,omitempty"`
	Exponent string `json:"e,omitempty"`
	Curve    string `json:"crv,omitempty"`
	X        string `json:"x,omitempty"`
	Y        string `json:"y,omitempty"`
}

// reduce returns the canonical form of a key set: its keys that check signatures, in its order.
func reduce(body []byte) (document []byte, keys []orrery.PublicKey, err error) {
	if _, err := oauthbearer.ParseKeySet(body); err != nil { // a private key among them is refused here
		return nil, nil, err
	}
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, nil, errors.New("its answer is not JSON")
	}
	kept := struct {
		Keys []publicKey `json:"keys"`
	}{Keys: []publicKey{}}
	for _, raw := range all.Keys {
		var k publicKey
		alone := []byte(`{"keys":[` + string(raw) + `]}`)
		if _, err := oauthbearer.ParseKeySet(alone); err != nil || json.Unmarshal(raw, &k) != nil {
			continue
		}
		kept.Keys, keys = append(kept.Keys, k), append(keys, k.PublicKey)
	}
	encoded, err := json.Marshal(kept)
	if err == nil {
		document, err = orrery.CanonicalJSON(encoded)
	}
	if err == nil {
		_, err = oauthbearer.ParseKeySet(document)
	}
	return document, keys, err
}

// refreshAfter is when keys are to be fetched again, from Cache-Control (RFC 9111).
func refreshAfter(header http.Header) time.Duration {
	for directive := range strings.SplitSeq(header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return leastRefresh
		case "max-age":
			if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil {
				return min(max(time.Duration(seconds)*time.Second, leastRefresh), mostRefresh)
			}
		}
	}
	return usualRefresh
}

// explain says what went wrong, for the user whose URI it is. What it says about our network stays out of it.
func explain(err error) error {
	var (
		name      *net.DNSError
		unknown   x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
		network   net.Error
	)
	for _, ours := range []error{errPlain, errRedirects, errNotPublic} {
		if errors.Is(err, ours) {
			return ours
		}
	}
	switch {
	case errors.As(err, &name):
		return errors.New("its host's name cannot be resolved")
	case errors.As(err, &unknown):
		return errors.New("its certificate is signed by an unknown authority")
	case errors.As(err, &wrongName):
		return errors.New("its certificate is not for this host")
	case errors.As(err, &invalid):
		return errors.New("its certificate is not valid, or has expired")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("it did not answer within %s", fetchTimeout)
	}
	return errors.New("it cannot be reached over HTTPS")
}

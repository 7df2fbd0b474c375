package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

// requestTimeout bounds one request; an answer may take 10 s, for it comes once a change is in force everywhere.
const requestTimeout = 30 * time.Second

// api makes a client of the API.
func (p *program) api() (*client.Client, error) {
	c, err := p.connection()
	if err != nil {
		return nil, err
	}
	httpClient, err := httpClient(c.caFile)
	if err != nil {
		return nil, err
	}
	return &client.Client{URL: c.url, APIKey: c.keyID, APISecret: c.secret, HTTPClient: httpClient, UserAgent: userAgent()}, nil
}

// kafkaREST makes a client of Kafka REST of a cluster, where the same Cloud API key logs in.
func (p *program) kafkaREST(api *client.Client, cluster wire.Cluster) (*client.KafkaREST, error) {
	if cluster.Spec.HTTPEndpoint == "" {
		return nil, failed("`orrery kafka cluster describe "+cluster.ID+"` says why", "the cluster %s cannot be administered yet: it is %s", cluster.ID, cluster.Status.Phase)
	}
	if err := checkURL(cluster.Spec.HTTPEndpoint); err != nil {
		return nil, err
	}
	return &client.KafkaREST{
		URL: cluster.Spec.HTTPEndpoint, ClusterID: cluster.ID,
		APIKey: api.APIKey, APISecret: api.APISecret, HTTPClient: api.HTTPClient, UserAgent: api.UserAgent,
	}, nil
}

// httpClient trusts the authorities of caFile beside those of the system: the API may have a public certificate
// while the Kafka endpoints have one of their own authority, or the other way round.
func httpClient(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		roots, err := trusted(caFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{Transport: transport, Timeout: requestTimeout, CheckRedirect: noRedirect}, nil
}

// noRedirect keeps the secret from going anywhere that was not named.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// trusted returns the system's authorities and those of a PEM file.
func trusted(caFile string) (*x509.CertPool, error) {
	pem, err := readCAFile(caFile)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, failed("", "the CA file %s holds no certificate in PEM form", caFile)
	}
	return roots, nil
}

func userAgent() string {
	v := readVersion()
	return fmt.Sprintf("orrery/%s (%s)", v.Version, v.Platform)
}

// maxListed bounds what a listing holds in memory.
const maxListed = 100_000

// collect reads a whole listing.
func collect[T any](sequence iter.Seq2[T, error]) ([]T, error) {
	list := []T{}
	for object, err := range sequence {
		if err != nil {
			return nil, err
		}
		if len(list) == maxListed {
			return nil, failed("use the API, which pages", "there are more than %d", maxListed)
		}
		list = append(list, object)
	}
	return list, nil
}

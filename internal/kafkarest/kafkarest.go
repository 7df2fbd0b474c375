// Package kafkarest serves Kafka REST v3 (kafka/v3/clusters/{lkc}/…): topics, their configuration, their partitions,
// ACLs, and producing records.
//
// It is a second face of the gateway. Each request logs in with HTTP Basic and an API key; what it asks for is done
// by a Kafka client in this process whose connections begin inside the gateway, already authenticated and with the
// caller's address. So rights, names, limits and metrics are those of any other Kafka client of the tenant. Paths, fields and error codes are
// those of Confluent Cloud's API, except for what is below orrery/v1.
package kafkarest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
)

// Gateway is what is needed of *gateway.Gateway.
type Gateway interface {
	// Authenticate checks an API key for a logical cluster; for "", which is the one that the key itself names, it
	// may refuse with Forbidden or NotFound. Failures count against the address that the request comes from.
	Authenticate(address netip.Addr, keyID, secret, logicalClusterID string) (gateway.Identity, error)
	// Connect returns a connection to a node on which the caller is logged in.
	Connect(ctx context.Context, caller gateway.Caller, node int32) (net.Conn, error)
	// Why returns what was refused to a cluster's clients, as far as the caller may know.
	Why(ctx context.Context, caller gateway.Caller) (gateway.Why, error)
	// Endpoints are the addresses of the nodes.
	Endpoints() orrery.Endpoints
}

// Config is what the handler needs.
type Config struct {
	Gateway Gateway
	Logger  *slog.Logger
}

// Limits of one request.
const (
	maxBodyBytes   = 1 << 20          // of a request that is not a stream of records
	requestTimeout = 30 * time.Second // for the whole request, or for the next record of a stream
)

// Handler serves Kafka REST. It sets its own deadlines for reading and writing a request, so a server around it
// needs only ReadHeaderTimeout and IdleTimeout.
type Handler struct {
	gateway Gateway
	logger  *slog.Logger
	clients *clients
	mux     *http.ServeMux
}

var _ http.Handler = (*Handler)(nil)

// New returns a handler, which must be closed.
func New(config Config) *Handler {
	h := &Handler{gateway: config.Gateway, logger: config.Logger, clients: newClients(config.Gateway), mux: http.NewServeMux()}
	const cluster = "/kafka/v3/clusters/{cluster_id}"
	const topic = cluster + "/topics/{topic_name}"
	h.route("GET /kafka/v3/clusters", listClusters)
	h.route("GET "+cluster, getCluster)
	h.route("GET "+cluster+"/acls", listACLs)
	h.route("POST "+cluster+"/acls", createACL)
	h.route("DELETE "+cluster+"/acls", deleteACLs)
	h.route("POST "+cluster+"/acls:batch", createACLBatch)
	h.route("GET "+cluster+"/topics", listTopics)
	h.route("POST "+cluster+"/topics", createTopic)
	h.route("GET "+cluster+"/topics/-/configs", listAllConfigs)
	h.route("GET "+topic, getTopic)
	h.route("PATCH "+topic, updateTopic)
	h.route("DELETE "+topic, deleteTopic)
	h.route("GET "+topic+"/configs", listConfigs)
	h.route("POST "+topic+"/configs:alter", alterConfigs)
	h.route("GET "+topic+"/configs/{name}", getConfig)
	h.route("PUT "+topic+"/configs/{name}", putConfig)
	h.route("DELETE "+topic+"/configs/{name}", deleteConfig)
	h.route("GET "+topic+"/partitions", listPartitions)
	h.route("GET "+topic+"/partitions/{partition_id}", getPartition)
	h.route("POST "+topic+"/records", produceRecords)
	h.route("GET /orrery/v1/logical-clusters/{cluster_id}/why", why)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, h.notOffered) })
	return h
}

// Close ends the Kafka clients of all users. Requests that are running fail.
func (h *Handler) Close() error {
	h.clients.close()
	return nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", rand.Text())
	extendDeadlines(http.NewResponseController(w))
	h.mux.ServeHTTP(w, r)
}

// operation is what a route does for an authenticated caller. It writes the answer or returns why there is none.
type operation func(context.Context, *call) error

func (h *Handler) route(pattern string, do operation) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, do) })
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, do operation) {
	c, err := h.login(w, r)
	if err == nil {
		defer c.release()
		ctx := r.Context()
		if !c.streaming() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, requestTimeout)
			defer cancel()
		}
		err = do(ctx, c)
	}
	if err != nil {
		h.fail(w, r, err)
	}
}

// fail writes an error. What the user may not see of it goes to the log.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := failureOf(err)
	if f.status >= http.StatusInternalServerError && f.cause != nil && r.Context().Err() == nil {
		h.logger.Error("Kafka REST request failed", "request", w.Header().Get("X-Request-Id"), "method", r.Method, "path", r.URL.Path, "error", err)
	}
	f.write(w)
}

// login finds out who calls about which cluster, and takes a Kafka client for it.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) (*call, error) {
	keyID, secret, ok := r.BasicAuth()
	if !ok {
		return nil, orrery.Errorf(orrery.Unauthenticated, "log in with HTTP Basic: an API key of the cluster, or a Cloud API key of its organization, and its secret")
	}
	cluster := clusterOf(r.URL.Path)
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil, fmt.Errorf("where a request comes from: %w", err)
	}
	identity, err := h.gateway.Authenticate(from.Addr(), keyID, secret, cluster)
	if code := orrery.ErrorCode(err); cluster == "" && (code == orrery.Forbidden || code == orrery.NotFound) {
		return nil, badRequest("the API key is right, and which cluster it is about must be in the path: %s{cluster_id}", clustersPath)
	}
	if err != nil {
		return nil, err
	}
	caller := gateway.Caller{Identity: identity, Address: from.Addr()}
	client, release, err := h.clients.take(caller)
	if err != nil {
		return nil, err
	}
	return &call{caller: caller, gateway: h.gateway, client: client, release: release, writer: w, request: r, controller: http.NewResponseController(w)}, nil
}

const (
	clustersPath        = "/kafka/v3/clusters/"
	logicalClustersPath = "/orrery/v1/logical-clusters/"
)

// clusterOf returns the logical cluster that a path is about, "" where it names none.
func clusterOf(path string) string {
	rest, found := strings.CutPrefix(path, clustersPath)
	if !found {
		if rest, found = strings.CutPrefix(path, logicalClustersPath); !found {
			return ""
		}
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// notOffered answers everything that has no route: what exists in the public API and not here, a wrong method, a
// wrong path.
func (h *Handler) notOffered(_ context.Context, c *call) error {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := c.request.Clone(c.request.Context())
		other.Method = method
		if _, pattern := h.mux.Handler(other); pattern != "/" {
			methods = append(methods, method)
		}
	}
	const offered = "offered are clusters, topics, configs, partitions, acls and records below /kafka/v3/clusters/{cluster_id}"
	switch _, rest, _ := strings.Cut(strings.TrimPrefix(c.request.URL.Path, clustersPath), "/"); {
	case methods != nil:
		c.writer.Header().Set("Allow", strings.Join(methods, ", "))
		return &failure{status: http.StatusMethodNotAllowed, code: http.StatusMethodNotAllowed, message: "this resource has the methods " + strings.Join(methods, ", ")}
	case strings.HasPrefix(c.request.URL.Path, clustersPath) && isPublic(rest):
		return &failure{status: http.StatusNotImplemented, code: http.StatusNotImplemented, message: "this part of Kafka REST is not offered here; " + offered}
	default:
		return &failure{status: http.StatusNotFound, code: http.StatusNotFound, message: "there is no such resource; " + offered}
	}
}

// isPublic reports whether a path below a cluster begins with a resource of the public API that has no route.
func isPublic(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	switch first, _, _ = strings.Cut(first, ":"); first {
	case "brokers", "broker-configs", "consumer-groups", "links", "share-groups", "streams-groups":
		return true
	}
	return strings.HasSuffix(path, "/default-configs")
}

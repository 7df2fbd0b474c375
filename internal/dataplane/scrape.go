package dataplane

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

const (
	scrapeTimeout = 3 * time.Second
	// maxScrape bounds one answer: a gateway has series of 2,000 tenants.
	maxScrape     = 32 << 20
	scrapesAtOnce = 16
)

// Gatherer has the metrics of roles that are processes of their own, each asked at its administration socket, and for
// each whether it answered (orrery_role_up).
type Gatherer struct {
	Sockets func() []process.AdminSocket
}

var _ prometheus.Gatherer = Gatherer{}

// Gather implements prometheus.Gatherer. A role that does not answer in time is left out.
func (g Gatherer) Gather() ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	sockets := g.Sockets()
	answers := make([]map[string]*dto.MetricFamily, len(sockets))
	slots := make(chan struct{}, scrapesAtOnce)
	var asking sync.WaitGroup
	for i, socket := range sockets {
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			answers[i] = scrape(ctx, socket.Path)
		})
	}
	asking.Wait()
	all := map[string]*dto.MetricFamily{}
	for i, answer := range answers {
		for name, family := range answer {
			merge(all, name, family)
		}
		merge(all, upName, up(sockets[i], answer != nil))
	}
	return sorted(all), nil
}

// scrape returns nil where there is no answer.
func scrape(ctx context.Context, socket string) map[string]*dto.MetricFamily {
	text, err := read(ctx, socket, AdminMetrics, maxScrape)
	if err != nil {
		return nil
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	return families
}

const upName = "orrery_role_up"

// up is whether a role answered.
func up(socket process.AdminSocket, answered bool) *dto.MetricFamily {
	value := 0.0
	if answered {
		value = 1
	}
	name, help, kind := upName, "Whether a gateway or balancer that is a process of its own answers at its administration socket.", dto.MetricType_GAUGE
	label := func(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
	labels := []*dto.LabelPair{label("physical_cluster", socket.PhysicalClusterID), label("role", socket.Role)}
	if socket.Role == process.RoleGateway {
		labels = append([]*dto.LabelPair{label("node", strconv.Itoa(int(socket.Node)))}, labels...)
	}
	return &dto.MetricFamily{Name: &name, Help: &help, Type: &kind, Metric: []*dto.Metric{{Label: labels, Gauge: &dto.Gauge{Value: &value}}}}
}

// merge adds the series of a family to those that there are. A role of another version may describe it in other words.
func merge(all map[string]*dto.MetricFamily, name string, family *dto.MetricFamily) {
	known := all[name]
	switch {
	case known == nil:
		all[name] = family
	case known.GetType() == family.GetType():
		known.Metric = append(known.Metric, family.GetMetric()...)
	}
}

func sorted(all map[string]*dto.MetricFamily) []*dto.MetricFamily {
	list := make([]*dto.MetricFamily, 0, len(all))
	for _, family := range all {
		list = append(list, family)
	}
	slices.SortFunc(list, func(a, b *dto.MetricFamily) int { return bytes.Compare([]byte(a.GetName()), []byte(b.GetName())) })
	return list
}

// Forward answers requests with what a role says at a path of its administration socket. Who asks is not passed on.
func Forward(socket, path string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.Path, r.Out.URL.RawPath = "http", "admin", path, ""
			r.Out.Host = "admin"
			for _, secret := range []string{"Authorization", "Cookie"} {
				r.Out.Header.Del(secret)
			}
		},
		Transport: overSocket(socket),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the process does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
}

package rest

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/wire"
)

// FuzzServe sends any body to every operation that takes one, on a running platform: whatever it is, the answer
// is never a fault of ours, and a failure is one that clients understand.
func FuzzServe(f *testing.F) {
	p := newPlatform(f, nil)
	fill := strings.NewReplacer(p.ownedObjects()...)
	var routes []route
	for _, r := range (&server{}).routes() {
		if r.request != nil {
			routes = append(routes, r)
			f.Add(uint8(len(routes)-1), []byte(attempts[r.name].body))
		}
	}
	f.Add(uint8(3), []byte(`{"spec":{"display_name":"\u0000","cloud":"AWS","region":"r","config":{"kind":"Dedicated","cku":999999999999},"environment":{"id":"{environment}"}}}`))
	f.Add(uint8(7), []byte(`{"spec":{"resources":[{"id":"{cluster}","environment":"env-other"}],"owner":{"id":"{user}"}}}`))
	f.Add(uint8(9), []byte(`{"principal":"User:","role_name":"CloudClusterAdmin","crn_pattern":"crn://confluent.cloud/organization={organization}/environment=*"}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		r := routes[int(which)%len(routes)]
		path := fill.Replace(strings.NewReplacer("{id}", attempts[r.name].object, "{provider_id}", "{provider}").Replace(r.path))
		request := httptest.NewRequest(r.method, path, strings.NewReader(fill.Replace(string(body))))
		request.SetBasicAuth(p.admin.key, p.admin.secret)
		recorder := httptest.NewRecorder()
		p.server.Config.Handler.ServeHTTP(recorder, request)
		if recorder.Code >= 500 {
			t.Fatalf("%s %s: status %d: %s\n%s", r.method, path, recorder.Code, recorder.Body, p.log)
		}
		if recorder.Code < 400 {
			return
		}
		var failure wire.Failure
		if err := json.Unmarshal(recorder.Body.Bytes(), &failure); err != nil || len(failure.Errors) != 1 || failure.Errors[0].Detail == "" {
			t.Fatalf("%s %s: %v: %s", r.method, path, err, recorder.Body)
		}
	})
}

package embedded

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestDiagnosticPages: each gateway has one, for administrators of the installation.
func TestDiagnosticPages(t *testing.T) {
	s := open(t, t.TempDir())
	_, physical := dedicated(t, s)
	page := gatewaysPath + "/" + physical.ID + "/0"
	for _, try := range []struct {
		path, key, secret string
		status            int
		says              string
	}{
		{gatewaysPath, "", "", http.StatusUnauthorized, "log in"},
		{page, s.admin.keyID, "wrong", http.StatusUnauthorized, "log in"},
		{gatewaysPath, s.admin.keyID, s.admin.secret, http.StatusOK, page},
		{page, s.admin.keyID, s.admin.secret, http.StatusOK, "<h1>Gateway 0 of " + physical.ID},
		{page + "?format=json", s.admin.keyID, s.admin.secret, http.StatusOK, `"ready":true`},
		{gatewaysPath + "/" + physical.ID + "/99", s.admin.keyID, s.admin.secret, http.StatusNotFound, "no gateway"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+try.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if try.key != "" {
			request.SetBasicAuth(try.key, try.secret)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != try.status || !strings.Contains(string(body), try.says) {
			t.Errorf("%s as %q: %d, %v, %s; want %d and %q", try.path, try.key, response.StatusCode, err, body, try.status, try.says)
		}
	}
}

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// object is a JSON object of the public API.
type object = map[string]any

// api makes a request with the admin key and returns the status and the decoded body.
func (s *server) api(method, path string, body any) (int, object) {
	s.t.Helper()
	return s.apiAs(apiKey{s.env["ORRERY_API_KEY"], s.env["ORRERY_API_SECRET"]}, method, path, body)
}

func (s *server) apiAs(key apiKey, method, path string, body any) (int, object) {
	s.t.Helper()
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case string: // as it is, for bodies that are not JSON
		content = bytes.NewReader([]byte(body))
	default:
		document, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		content = bytes.NewReader(document)
	}
	request, err := http.NewRequest(method, s.env["ORRERY_URL"]+path, content)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key.id != "" {
		request.SetBasicAuth(key.id, key.secret)
	}
	httpClient := http.Client{Timeout: deadline}
	response, err := httpClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var decoded object
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &decoded); err != nil {
			s.t.Fatalf("%s %s answered %d with %q, which is not JSON", method, path, response.StatusCode, answer)
		}
	}
	return response.StatusCode, decoded
}

// must makes a request that has to answer with the status.
func (s *server) must(want int, method, path string, body any) object {
	s.t.Helper()
	status, answer := s.api(method, path, body)
	if status != want {
		s.t.Fatalf("%s %s answered %d, want %d: %v", method, path, status, want, answer)
	}
	return answer
}

// at follows a path of keys and indexes into a JSON value.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := value.(object)
			value = m[step]
		case int:
			l, _ := value.([]any)
			if step >= len(l) {
				return nil
			}
			value = l[step]
		}
	}
	return value
}

// environment returns the id of the first environment.
func (s *server) environment() string {
	s.t.Helper()
	list := s.must(http.StatusOK, "GET", "/org/v2/environments?page_size=100", nil)
	id, ok := at(list, "data", 0, "id").(string)
	if !ok {
		s.t.Fatalf("no environment: %v", list)
	}
	return id
}

// cluster is a logical cluster that is PROVISIONED.
type cluster struct{ id, environment, bootstrap, rest string }

// createCluster creates a cluster and waits until it is PROVISIONED.
func (s *server) createCluster(name string, config object) cluster {
	s.t.Helper()
	id, environment := s.askForCluster(name, "us-east-1", config)
	return s.waitCluster(id, environment)
}

// askForCluster creates a cluster in a region without waiting for it.
func (s *server) askForCluster(name, region string, config object) (id, environment string) {
	s.t.Helper()
	environment = s.environment()
	made := s.must(http.StatusAccepted, "POST", "/cmk/v2/clusters", object{"spec": object{
		"display_name": name, "availability": "SINGLE_ZONE", "cloud": "AWS", "region": region,
		"config": config, "environment": object{"id": environment},
	}})
	return made["id"].(string), environment
}

func (s *server) waitCluster(id, environment string) cluster {
	s.t.Helper()
	path := fmt.Sprintf("/cmk/v2/clusters/%s?environment=%s", id, environment)
	var ready cluster
	s.until(id+" to be PROVISIONED", func() bool {
		got := s.must(http.StatusOK, "GET", path, nil)
		bootstrap, _ := at(got, "spec", "kafka_bootstrap_endpoint").(string)
		rest, _ := at(got, "spec", "http_endpoint").(string)
		ready = cluster{id, environment, trimScheme(bootstrap), rest}
		return at(got, "status", "phase") == "PROVISIONED"
	})
	return ready
}

// trimScheme turns SASL_SSL://HOST:PORT into HOST:PORT.
func trimScheme(endpoint string) string {
	for i := 0; i+2 < len(endpoint); i++ {
		if endpoint[i:i+3] == "://" {
			return endpoint[i+3:]
		}
	}
	return endpoint
}

// userID returns the id of the first user.
func (s *server) userID() string {
	s.t.Helper()
	list := s.must(http.StatusOK, "GET", "/iam/v2/users", nil)
	id, ok := at(list, "data", 0, "id").(string)
	if !ok {
		s.t.Fatalf("no user: %v", list)
	}
	return id
}

// createKey creates an API key of an owner for a cluster.
func (s *server) createKey(owner string, c cluster) apiKey {
	s.t.Helper()
	made := s.must(http.StatusAccepted, "POST", "/iam/v2/api-keys", object{"spec": object{
		"owner": object{"id": owner}, "resource": object{"id": c.id, "environment": c.environment},
	}})
	return apiKey{made["id"].(string), at(made, "spec", "secret").(string)}
}

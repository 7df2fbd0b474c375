# Orrery. `make help` lists what can be made.
SHELL := /bin/bash
GO ?= go
GO_WANTED := 1.26
CACHE := $(CURDIR)/.cache
PYTHON := $(CACHE)/python/bin/python
JAVA_LIBS := $(CACHE)/java
GOLANGCI_LINT := $(CACHE)/bin/golangci-lint
GOLANGCI_LINT_VERSION := v2.15.0
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run build test test-short lint bench golden fuzz clients clean go

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: build ## build and start the whole service on this machine (ARGS="--dir DIR ..." for more)
	@bin/orrery up $(ARGS)

build: go ## build bin/orrery
	@$(GO) build -trimpath -buildvcs=auto -o bin/orrery ./cmd/orrery

test: go clients build ## run every test: unit, conformance, end to end with Go, Python and Java clients
	@$(GO) vet ./...
	ORRERY_TEST_PYTHON=$(PYTHON) ORRERY_TEST_JAVA_LIBS=$(JAVA_LIBS) $(GO) test -timeout 20m ./...
	$(GO) test -race -timeout 10m ./internal/balancer/... ./internal/pki/... ./internal/gateway/... ./internal/link/... ./internal/substrate/... ./internal/satellite/... ./internal/mothership/... ./embedded/...

test-short: go ## the tests that need neither Python nor Java, in about a minute
	@$(GO) test -short ./...

lint: go $(GOLANGCI_LINT) ## run gofmt, go vet and golangci-lint; govulncheck where its database is reachable
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@$(GO) vet ./...
	@$(GOLANGCI_LINT) run ./...
	@if command -v govulncheck >/dev/null; then govulncheck ./...; else echo "govulncheck is not installed: skipped (go install golang.org/x/vuln/cmd/govulncheck)"; fi

bench: build ## measure, and write the figures with machine and commit to docs/measured.md
	@$(GO) run ./test/bench -binary bin/orrery -out docs/measured.md

golden: go ## rewrite the golden files (OpenAPI, link messages, CLI help); read the diff before you commit it
	@$(GO) test ./api/... ./internal/rest/... ./internal/link/... ./internal/placement/... ./internal/profile/... ./cmd/... -run 'Golden|Help|OpenAPI' -update

clients: $(PYTHON) $(JAVA_LIBS)/.done ## fetch the Kafka clients that the tests use

# A client that cannot be fetched stops the tests with a reason: a skipped client would be a hole in the proof.
$(PYTHON): test/clients/python/requirements.txt
	@echo "Installing the Python client (confluent-kafka, brings librdkafka) into .cache/python ..."
	@python3 -m venv $(CACHE)/python || { echo "python3 with venv is needed: apt-get install python3-venv"; exit 1; }
	@$(CACHE)/python/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

$(JAVA_LIBS)/.done: test/clients/java/pom.xml
	@echo "Fetching the Java client (kafka-clients) with Maven into .cache/java ..."
	@command -v mvn >/dev/null && command -v java >/dev/null || { echo "Java 17 and Maven are needed: apt-get install openjdk-17-jdk-headless maven"; exit 1; }
	@mvn -q -B -f $< org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=$(JAVA_LIBS)
	@touch $@

$(GOLANGCI_LINT):
	@echo "Building golangci-lint $(GOLANGCI_LINT_VERSION) into .cache/bin (some minutes, once) ..."
	@GOBIN=$(CACHE)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

# No Go, or too old a Go, is the first thing that a newcomer meets.
go:
	@command -v $(GO) >/dev/null || { echo "Go is not installed. Orrery needs Go $(GO_WANTED) or newer: see https://go.dev/doc/install"; exit 1; }
	@$(GO) version | awk -v want=$(GO_WANTED) '{ split(substr($$3, 3), have, "."); split(want, w, "."); if (have[1] < w[1] || (have[1] == w[1] && have[2]+0 < w[2]+0)) { print "Go " substr($$3, 3) " is too old. Orrery needs Go " want " or newer: see https://go.dev/doc/install"; exit 1 } }'

clean: ## remove what was built and fetched
	@rm -rf bin .cache

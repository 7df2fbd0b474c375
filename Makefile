# Orrery. `make help` lists what can be made.
SHELL := /bin/bash
GO ?= go
GO_WANTED := 1.26
CACHE := $(CURDIR)/.cache
PYTHON := $(CACHE)/python/bin/python
JAVA_LIBS := $(CACHE)/java
GO_CLIENTS := $(CACHE)/clients
# Where Apache Kafka is kept for the tests; absolute, because each test runs in its package's directory.
export ORRERY_ENGINE_CACHE ?= $(CACHE)/engine
GOLANGCI_LINT := $(CACHE)/bin/golangci-lint
GOLANGCI_LINT_VERSION := v2.15.0
ARGS ?=
# The packages with goroutines that share something.
RACED := ./embedded/... ./internal/balancer/... ./internal/brokers/... ./internal/detached/... ./internal/dataplane/... ./internal/gateway/... ./internal/kafkarest/... ./internal/link/... ./internal/mothership/... \
	./internal/operator/... ./internal/pki/... ./internal/rest/... ./internal/satellite/... ./internal/store/mem/... ./internal/substrate/...

.DEFAULT_GOAL := help
.PHONY: help run build test test-short lint bench soak fuzz matrix quota conformance curves golden clients matrix-clients clean go

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: build ## build and start the whole service on this machine (ARGS="--dir DIR ..." for more)
	@bin/orrery up $(ARGS)

build: go ## build bin/orrery
	@$(GO) build -trimpath -buildvcs=auto -o bin/orrery ./cmd/orrery

# Tests that wait for JVMs leave the processors idle for half of the time: hence one package more than there are processors.
test: go clients build ## run every test: unit, conformance, end to end with Go, Python and Java clients
	@$(GO) vet ./...
	$(GO) test -p 3 -timeout 20m ./...
	$(GO) test -race -short -timeout 15m $(RACED)

test-short: go ## the tests that need neither Python nor Java, in about a minute
	@$(GO) test -short ./...

lint: go $(GOLANGCI_LINT) ## run gofmt, go vet and golangci-lint; govulncheck where its database is reachable
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@$(GO) vet ./...
	@$(GOLANGCI_LINT) run ./...
	@if command -v govulncheck >/dev/null; then govulncheck ./...; else echo "govulncheck is not installed: skipped (go install golang.org/x/vuln/cmd/govulncheck)"; fi

bench: build ## measure everything in about 20 minutes, and write docs/measured.md (ARGS="-only speed" for one of service, start, speed, policy, hot)
	@$(GO) run ./test/bench -binary bin/orrery -out docs/measured.md $(ARGS)

soak: build clients matrix-clients ## run what is too long for make test, hours of it (ARGS="-only scale,failure" for some parts), and write docs/measured.md
	@$(GO) run ./test/soak $(ARGS)

# Each fuzz target for FUZZTIME; what one finds goes to its testdata/fuzz. Inputs are not made smaller: where a server runs
# beside the target its coverage is never twice the same, and Go would try for a minute with each.
FUZZTIME ?= 30s
fuzz: go ## fuzz every target for FUZZTIME=30s each
	@set -e; grep -rlE '^func Fuzz' --include='*_test.go' . | grep -v '^./.cache/' | sort | while read -r file; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' $$file); do \
			echo "fuzzing $$target of $$(dirname $$file) for $(FUZZTIME)"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$(dirname $$file) < /dev/null; \
		done; \
	done

matrix: clients matrix-clients ## run one scenario with every Kafka client on both engines (10 min), and write docs/reference/clients.md
	@ORRERY_SOAK=1 $(GO) test -count=1 -timeout 60m -v -run EveryClient ./test/matrix -page $(CURDIR)/docs/reference/clients.md

quota: clients ## measure what tenants get of their quotas and what hostile ones cost others (15 min), and write docs/measured.md
	@ORRERY_SOAK=1 $(GO) test -count=1 -timeout 30m ./internal/quota
	@ORRERY_SOAK=1 ORRERY_TEST_ENGINE=apache $(GO) test -count=1 -timeout 30m -v -run 'Quota|Shares' ./internal/gateway
	@$(GO) run ./test/quota -out docs/measured.md $(ARGS)

conformance: go ## run franz-go's own tests directly and through gateways, and write docs/reference/conformance.md
	@ORRERY_SOAK=1 $(GO) test ./test/conformance -run TestWhole -count=1 -timeout 60m -v -out $(CURDIR)/docs/reference/conformance.md

curves: go ## simulate platforms of 100 to 10,000 clusters (a few minutes), and write docs/reference/cost.md and cost.svg
	@$(GO) run ./test/curves

golden: go ## rewrite the golden files (OpenAPI, link messages, CLI help); read the diff before you commit it
	@$(GO) test ./internal/rest ./internal/link ./internal/gateway ./cmd/orrery -run 'Golden|Help|Document' -update

clients: $(PYTHON) $(JAVA_LIBS)/.done $(CACHE)/java-streams/.done $(GO_CLIENTS)/franz-go ## fetch the Kafka clients that the tests use

matrix-clients: $(CACHE)/aiokafka/.done $(CACHE)/java-2.8.2/.done $(CACHE)/kafkajs/.done $(addprefix $(GO_CLIENTS)/,sarama kafka-go confluent-kafka-go) ## fetch the other Kafka clients, for make matrix
	@command -v kcat >/dev/null || { echo "kcat is needed: apt-get install kcat"; exit 1; }

# A client that cannot be fetched stops the tests with a reason: a skipped client would be a hole in the proof.
$(PYTHON): test/clients/python/requirements.txt
	@echo "Installing the Python client (confluent-kafka, brings librdkafka) into .cache/python ..."
	@python3 -m venv $(CACHE)/python || { echo "python3 with venv is needed: apt-get install python3-venv"; exit 1; }
	@$(CACHE)/python/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

$(CACHE)/aiokafka/.done: test/clients/aiokafka/requirements.txt
	@echo "Installing aiokafka into .cache/aiokafka ..."
	@python3 -m venv $(@D) || { echo "python3 with venv is needed: apt-get install python3-venv"; exit 1; }
	@$(@D)/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

$(GO_CLIENTS)/%: test/clients/go/%/main.go test/clients/go/step/step.go test/clients/go/go.mod
	@echo "Building the Go client $* into .cache/clients ..."
	@test $* != confluent-kafka-go || command -v $$($(GO) env CC) >/dev/null || { echo "A C compiler is needed for confluent-kafka-go: apt-get install gcc libc6-dev"; exit 1; }
	@cd test/clients/go && $(GO) build -trimpath -o $@ ./$*

$(CACHE)/kafkajs/.done: test/clients/kafkajs/package.json test/clients/kafkajs/package-lock.json
	@echo "Installing kafkajs with npm into .cache/kafkajs ..."
	@command -v npm >/dev/null || { echo "Node.js with npm is needed: apt-get install nodejs npm"; exit 1; }
	@mkdir -p $(@D) && cp $^ $(@D)/ && cd $(@D) && npm ci --silent --no-fund --no-audit
	@touch $@

$(CACHE)/java-2.8.2/.done: test/clients/java/pom.xml
	@echo "Fetching an old Java client (kafka-clients 2.8.2) with Maven into .cache/java-2.8.2 ..."
	@command -v mvn >/dev/null && command -v java >/dev/null || { echo "Java 17 and Maven are needed: apt-get install openjdk-17-jdk-headless maven"; exit 1; }
	@mvn -q -B -f $< -Dkafka.version=2.8.2 org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=$(@D)
	@touch $@

$(CACHE)/java-streams/.done: test/clients/streams/pom.xml
	@echo "Fetching Kafka Streams with Maven into .cache/java-streams ..."
	@command -v mvn >/dev/null && command -v java >/dev/null || { echo "Java 17 and Maven are needed: apt-get install openjdk-17-jdk-headless maven"; exit 1; }
	@mvn -q -B -f $< org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=$(@D)
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

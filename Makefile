# Targets for people and for .ci/run. The Makefile works with GNU make 3.81 and
# later. demo, build, install and test need only Go; race needs a C compiler,
# browser a Chromium; lint, generate and verify build their tools from
# tools/go.mod.

GO ?= go
ARGS ?=
CORE = ./task/... ./upstream/... ./syncer/... ./jobs/... ./feed/... ./internal/api/... ./internal/auth/... ./internal/live/... ./internal/outgoing/... ./daemon/...

# The tools need no C compiler this way (sqlc then parses with WebAssembly).
TOOL = CGO_ENABLED=0 $(GO) tool -modfile=tools/go.mod

# make test PG=18 tests on Postgres 18.
ifdef PG
export TASKSYNC_TEST_PG := $(PG)
endif

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## See tasksync work: private Postgres, simulated upstream, daemon (ARGS="--keep" to explore)
	@echo "Building bin/tasksync; the first time this takes a minute or two."
	@$(GO) build -buildvcs=false -o bin/tasksync ./cmd/tasksync
	@bin/tasksync demo $(ARGS)

.PHONY: build
build: ## Build bin/tasksync, a static binary
	CGO_ENABLED=0 $(GO) build -o bin/tasksync ./cmd/tasksync

.PHONY: install
install: ## Install tasksync to GOBIN
	CGO_ENABLED=0 $(GO) install ./cmd/tasksync

.PHONY: test
test: ## Run all tests (PG=18: on Postgres 18)
	$(GO) test -timeout 20m $(ARGS) ./...

.PHONY: halfopen
halfopen: ## Run the test for which Linux drops a connection's packets (as root)
	$(GO) test -count=1 -tags netadmin -run TestHalfOpenWALConnection $(ARGS) ./daemon

.PHONY: chaos
chaos: ## Break daemons, Postgres and the network between them, by SEED, for MINUTES
	SEED=$(SEED) MINUTES=$(MINUTES) REPORT=$(REPORT) $(GO) test -count=1 -tags chaos -run 'TestChaos$$' -timeout 3h -v $(ARGS) ./cmd/tasksync

.PHONY: sabotage
sabotage: ## Show that make chaos finds faults that are put into the code on purpose
	$(GO) test -count=1 -tags chaos,sabotage -run TestChaosFindsSabotage -timeout 1h -v $(ARGS) ./cmd/tasksync

.PHONY: pooler
pooler: ## Run the tests that need PgBouncer (Debian: apt-get install pgbouncer)
	$(GO) test -count=1 -tags pgbouncer -run Pooler $(ARGS) ./daemon

# The tests cover what differs between versions of Postgres: locks, snapshots,
# replication. Versions that are not on the machine are downloaded once.
VERSIONS ?= 14 16 17 18
.PHONY: versions
versions: ## Run a smoke test on other versions of Postgres (VERSIONS="14 18")
	for v in $(VERSIONS); do \
		TASKSYNC_TEST_PG=$$v $(GO) test -count=1 -run '^(TestEveryFeed|TestOneOfManyIsTheFeed|TestSilentLeaderIsEnded|TestAnOpenWriterHoldsUpNobody|TestWAL|TestPoll|TestSchemaGolden)$$' $(ARGS) ./daemon ./feed ./migrations || exit 1; \
	done

.PHONY: race
race: ## Run the tests of the core packages under the race detector (needs a C compiler)
	@cc=$$($(GO) env CC); command -v "$${cc%% *}" >/dev/null || { \
		echo "make race: the race detector needs cgo, and there is no C compiler ($$cc) on this machine."; \
		echo "Install one (Debian: apt-get install gcc libc6-dev) or use make test."; \
		exit 1; }
	CGO_ENABLED=1 $(GO) test -race $(ARGS) $(CORE)

comma := ,

# Only the tests that use a browser have the build tag.
.PHONY: browser
browser: ## Drive the pages of examples/web and examples/supabase in headless Chromium
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name >/dev/null && exit 0; \
	done; \
	test -d "/Applications/Google Chrome.app" || { \
		echo "make browser: there is no Chromium or Chrome on this machine."; \
		echo "Install one (Debian: apt-get install chromium)."; \
		exit 1; }
	@if command -v npm >/dev/null; then \
		cd examples/supabase && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
	else echo "make browser: examples/supabase is left out, it needs Node.js with npm."; fi
	$(GO) test -count=1 -tags browser$(if $(shell command -v npm 2>/dev/null),$(comma)node) $(ARGS) ./examples/web/browsertest

# The linters and the generator are pinned in tools/openapi, in a lock file.
.PHONY: openapi
openapi: build ## Lint docs/openapi.json, compile a client of it, verify webhooks by docs/webhooks.md (needs Node.js)
	@command -v npm >/dev/null || { \
		echo "make openapi: there is no Node.js with npm on this machine."; \
		echo "Install one (Debian: apt-get install nodejs npm)."; \
		exit 1; }
	cd tools/openapi && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd tools/openapi && npm run --silent lint && npm run --silent client && npm run --silent webhooks

.PHONY: prometheus
prometheus: ## Test the alerts and the dashboard of deploy/ (needs Prometheus and promtool)
	@command -v prometheus promtool >/dev/null || { \
		echo "make prometheus: there is no prometheus or no promtool on this machine."; \
		echo "Install them (Debian: apt-get install prometheus)."; \
		exit 1; }
	promtool check config deploy/prometheus/prometheus.yml
	promtool test rules deploy/prometheus/alerts_test.yaml
	$(GO) test -count=1 -tags prometheus -run TestDashboard $(ARGS) ./cmd/tasksync

.PHONY: smoke
smoke: build ## Check in seconds that the binary starts
	bin/tasksync version
	bin/tasksync --help >/dev/null

.PHONY: lint
lint: ## Run the linters, which also check the import arrows
	$(TOOL) golangci-lint run $(ARGS) ./...

.PHONY: fmt
fmt: ## Format the Go files as lint requires
	$(TOOL) golangci-lint fmt

# sqlc keeps a generated file whose source is gone, so it is removed here.
.PHONY: generate
generate: ## Generate River's migrations and the Go code of the queries
	$(GO) generate ./migrations
	$(TOOL) sqlc generate
	@for f in queries/*.sql.go; do \
		test -f "sql/$$(basename "$$f" .go)" || { echo "rm $$f"; rm "$$f"; }; \
	done

# The generated files are compared with the files that were there, not with the
# commit, so that verify works before a commit too. In CI the two are the same.
.PHONY: verify
verify: ## Check that generated files, the schema golden, go.mod and formatting are current
	@before=$$(cksum queries/* migrations/*.sql) && $(MAKE) --no-print-directory generate && \
	after=$$(cksum queries/* migrations/*.sql) && \
	if [ "$$before" != "$$after" ]; then \
		echo "make verify: generated files were not current; now they are. Commit them:"; \
		git status --short -- queries migrations; \
		exit 1; \
	fi
	@$(GO) test -list '^TestSchemaGolden$$' ./migrations | grep TestSchemaGolden >/dev/null || { \
		echo "make verify: ./migrations has no TestSchemaGolden"; exit 1; }
	$(GO) test -count=1 -run '^TestSchemaGolden$$' ./migrations
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	$(GO) -C examples/embed mod tidy -diff
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) && if [ -n "$$unformatted" ]; then \
		echo "make verify: not formatted (run make fmt):"; echo "$$unformatted"; exit 1; \
	fi

.PHONY: bench
bench: ## Measure the feeds, latency and throughput, beside pgbench
	$(GO) run ./internal/bench $(ARGS)

.PHONY: picture
picture: build ## Draw docs/demo.svg from a demo in a terminal (needs script, of util-linux)
	script -qec 'stty cols 80 rows 90; bin/tasksync demo --seed 7' /dev/null | $(GO) run ./internal/demo/picture >docs/demo.svg

.PHONY: path
path: ## Change the module's path to TO, in go.mod and in all imports
	@test -n "$(TO)" || { echo "make path: say which, like make path TO=example.com/you/tasksync"; exit 1; }
	@old=$$(sed -n 's/^module //p' go.mod) && export old TO="$(TO)" && \
	git ls-files -z '*.go' '*.yaml' 'go.mod' '*/go.mod' | xargs -0 perl -pi -e \
		's#(?<![\w/}])\Q$$ENV{old}\E/(?=[a-z,])#$$ENV{TO}/# if m#"|pkg:|^ *- |allow:#; s#^(module|require|replace) \Q$$ENV{old}\E(?=[ /\n])#$$1 $$ENV{TO}#; s#(module += ")\Q$$ENV{old}\E/"#$$1$$ENV{TO}/"#'
	$(GO) build ./...

.PHONY: clean
clean: ## Remove bin
	rm -rf bin

GO       ?= go
FUZZTIME ?= 30s

# Go stamps the version from git where git works here, and must not fail where it does not.
VCS := $(shell git status --porcelain >/dev/null 2>&1 && echo auto || echo false)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: build ## Build, then run the server in the foreground (RTMP on port 1935)
	./afterglow serve

.PHONY: build
build: ## Build ./afterglow
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(VCS) -o afterglow ./cmd/afterglow

.PHONY: test
test: programs check ## Everything that must pass; installs the programs that it needs
	CGO_ENABLED=1 $(GO) test -race -timeout 12m ./...
	@if [ -f interop/go.mod ]; then echo 'cd interop && $(GO) test ./...'; cd interop && $(GO) test -timeout 5m ./...; fi

.PHONY: programs
programs:
	@tools/install-test-programs

.PHONY: check
check: ## Formatting and go vet
	@unformatted=$$(gofmt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:" >&2; echo "$$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	@if [ -f interop/go.mod ]; then cd interop && $(GO) vet ./...; fi

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: bench
bench: ## Run the Go benchmarks (servers under load: ./afterglow bench --help)
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: soak
soak: programs ## Run the tests in their long forms, up to an hour
	AFTERGLOW_SOAK=1 CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 60m ./...

.PHONY: cover
cover: ## Measure test coverage into coverage.html
	$(GO) test -coverpkg=./... -coverprofile=coverage.out ./...
	$(GO) tool cover -html=coverage.out -o coverage.html
	@$(GO) tool cover -func=coverage.out | tail -1

.PHONY: clean
clean: ## Remove what was built
	rm -f afterglow coverage.out coverage.html

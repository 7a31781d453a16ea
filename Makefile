# GNU make and a POSIX sh. `make` alone lists the targets.

GO       ?= go
PKGS     ?= ./...
TIMEOUT  ?= 15m
FUZZTIME ?= 30s
FLAGS    ?=
ROUNDS   ?= 5

# Tools are pinned in tools/go.mod, apart from what the product needs; the first use of one builds it, which for
# golangci-lint takes minutes.
TOOL = $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build test test-ha race check static fmt fmt-check vet lint vuln tidy-check generate generate-check bench fuzz screenshots

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

build: ## build bin/sliproad
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

test: ## run all tests
	$(GO) test $(FLAGS) -timeout $(TIMEOUT) $(PKGS)

test-ha: ## kill, switch over and cheat PostgreSQL under load, ROUNDS (5) times in each way
	SLIPROAD_REQUIRE_ENGINES=1 TEST_HA_ROUNDS=$(ROUNDS) $(GO) test $(FLAGS) -count=1 -v -timeout 90m ./internal/failover

race: ## run all tests under the race detector
	$(GO) test -race $(FLAGS) -timeout $(TIMEOUT) $(PKGS)

check: static race ## the one gate before a commit: everything below, and the tests under the race detector

static: fmt-check vet lint vuln tidy-check generate-check ## the part of check that runs no tests

fmt: ## format the source
	$(TOOL) gofumpt -w .

fmt-check: ## fail on unformatted source
	@files=$$($(TOOL) gofumpt -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted, run make fmt:"; echo "$$files"; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

lint: ## golangci-lint, staticcheck within it
	$(TOOL) golangci-lint run ./...

vuln: ## known vulnerabilities that the code reaches; skipped, and said so, when their database is out of reach
	@GO="$(GO)" sh tools/vuln.sh

tidy-check: ## fail if go.mod or go.sum is not tidy
	$(GO) mod tidy -diff

generate: ## remake everything generated
	$(GO) generate ./...

generate-check: ## fail if make generate changes anything
	@GO="$(GO)" sh tools/generated.sh

bench: ## measure the server against a bare echo, and against pgbench on PostgreSQL, and print the table
	$(GO) run ./internal/bench

fuzz: ## run each fuzz target for FUZZTIME (30s)
	@GO="$(GO)" PKGS="$(PKGS)" FUZZTIME="$(FUZZTIME)" sh tools/fuzz.sh

screenshots: ## picture every state of the hosted page into tmp/screenshots, light and dark, phone and desktop
	rm -rf tmp/screenshots && mkdir -p tmp/screenshots
	-$(GO) test $(FLAGS) -count=1 -timeout $(TIMEOUT) -artifacts -outputdir "$(CURDIR)/tmp/screenshots" -run 'Look|Language' ./internal/journey
	@find tmp/screenshots/_artifacts -name '*.png' ! -name failed.png -exec mv {} tmp/screenshots/ \; && ls tmp/screenshots/*.png

# Everything a developer or CI runs. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
export CGO_ENABLED := 0 # static binaries, and no C compiler needed
export UNDERLAY_SCREENSHOTS ?= $(CURDIR)/bin/screenshots
BUILD := go build -trimpath -ldflags '-s -w' # no paths of the machine that builds
DEV_FLAGS ?=
FUZZ ?= 30 180
PREVIOUS ?= 7989dda # the release before, for test-boot
BOOT ?=

# No target is a file.
.PHONY: $(shell awk -F: '/^[a-z-]+:/ {print $$1}' $(MAKEFILE_LIST))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/underlay
	$(BUILD) -o bin/underlay ./cmd/underlay

dev: build ## build and run a three-peer cluster on this machine (DEV_FLAGS='--dir DIR' keeps its data)
	@exec bin/underlay dev $(DEV_FLAGS)

stock: ## build the stock clients bin/ipfs and bin/ipfs-cluster-ctl
	$(BUILD) -o bin/ipfs github.com/ipfs/kubo/cmd/ipfs
	$(BUILD) -o bin/ipfs-cluster-ctl github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-ctl

test: build stock ## run all tests, those with real clusters included, and every fuzz target, three minutes in all
	go test -timeout 20m ./internal/itest ./... # the package that takes longest first, beside the others
	internal/tools/fuzz.sh $(FUZZ)

test-rpc: build stock ## compare the RPC API with a plain kubo's, request by request
	go test -count 1 -timeout 10m ./internal/rpcdiff

test-rest: build stock ## compare the REST API, its Go client and ipfs-cluster-ctl with a stock cluster, request by request
	go test -count 1 -timeout 10m ./internal/restdiff

fuzz: ## run every fuzz target for so many seconds, all of them for no more than so many (FUZZ='30 180')
	internal/tools/fuzz.sh $(FUZZ)

fault: build ## run the long fault tests: kills, outages, fuzzing and, as root, power cuts (UNDERLAY_SEED=n replays)
	UNDERLAY_FAULT=1 go test -v -count 1 -timeout 150m ./internal/itest ./consensus/...
	internal/tools/fuzz.sh 600 7200

race: ## run the unit tests with the race detector
	CGO_ENABLED=1 go test -race -short -timeout 15m ./config/... ./consensus/... ./gateway/... ./proxy/... ./peer/...

bench: build stock ## print the figures: start, memory, binary size, add of 256 MiB
	go test -run '^$$' -bench . -benchtime 1x -timeout 15m ./internal/itest

# Comparisons with what others run.
bench-pins: ## compare pins with the stock three peers (BENCH_PINS=10000,100000 BENCH_ROUNDS=5 BENCH_KILLS=5)
bench-rpc: ## compare add, pin/add and cat through a balancer with the stock three peers (BENCH_ROUNDS=5)
bench-names: ## compare keys and names with a plain single kubo (BENCH_ROUNDS=5)
bench-files: ## compare the files commands through three peers with a plain single kubo (BENCH_ROUNDS=5)
bench-gateway: ## compare the gateway with a bare net/http server, nginx and a plain kubo (BENCH_ROUNDS=5)
bench-observe: ## what it costs writes that the peers are scraped by Prometheus and traced (BENCH_ROUNDS=100)
bench-pins bench-rpc bench-names bench-files bench-gateway bench-observe: bench-%: build
	go test -run '^$$' -bench '(?i)$*' -benchtime 1x -timeout 6h ./internal/stockbench

bench-console: build ## print how soon the console shows, with a million pins (BENCH_PINS=1000000 BENCH_ROUNDS=9)
	go test -run '^$$' -bench Console -benchtime 1x -timeout 1h ./internal/uitest

package: build ## build bin/underlay_VERSION_ARCH.deb and .rpm
	cd deploy/package && go build -o ../../bin/nfpm github.com/goreleaser/nfpm/v2/cmd/nfpm
	deploy/package/package.sh bin

dev-lb: build ## run the three-peer cluster behind HAProxy, as behind the load balancers on AWS: one endpoint on 5001, 9095 and 8080
	@exec deploy/local/dev-lb $(DEV_FLAGS)

deploy-check: package ## check templates, user data, scripts, units and packages of deploy (skips what has no tool here, and says so)
	go test -count 1 -timeout 10m ./internal/deploy

test-boot: package ## boot machines with the user data of deploy/aws, and break them (root; BOOT=TEST runs one)
	UNDERLAY_BOOT=1 UNDERLAY_BOOT_PREVIOUS=$(PREVIOUS) go test -v -count 1 -timeout 40m -run '$(BOOT)' ./internal/boottest

fmt: ## format the source
	gofmt -w $$(git ls-files '*.go')

lint: ## check formatting, vet and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	go vet ./...
	cd internal/tools && go build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...
	@internal/tools/layers.sh

check: lint deploy-check test ## what CI runs

# Everything a developer or CI runs. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
export CGO_ENABLED := 0 # static binaries, and no C compiler needed
BUILD := go build -ldflags '-s -w'
DEV_FLAGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/underlay
	$(BUILD) -o bin/underlay ./cmd/underlay

.PHONY: dev
dev: build ## build and run a three-peer cluster on this machine (DEV_FLAGS='--dir DIR' keeps its data)
	@exec bin/underlay dev $(DEV_FLAGS)

.PHONY: stock
stock: ## build the stock clients bin/ipfs and bin/ipfs-cluster-ctl
	$(BUILD) -o bin/ipfs github.com/ipfs/kubo/cmd/ipfs
	$(BUILD) -o bin/ipfs-cluster-ctl github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-ctl

.PHONY: test
test: build stock ## run all tests, those with real clusters included
	go test -timeout 15m ./...

.PHONY: test-rpc
test-rpc: build stock ## compare the RPC API with a plain kubo's, request by request
	go test -count 1 -timeout 10m ./internal/rpcdiff

.PHONY: fuzz
fuzz: ## run every fuzz target for 30 seconds (FUZZ_TIME=10m for more)
	internal/tools/fuzz.sh $(or $(FUZZ_TIME),30s)

.PHONY: fault
fault: build ## run the long fault tests: kills, outages and, as root, power cuts (UNDERLAY_SEED=n replays)
	UNDERLAY_FAULT=1 go test -v -count 1 -timeout 150m ./internal/itest ./consensus/...

.PHONY: race
race: ## run the unit tests with the race detector
	CGO_ENABLED=1 go test -race -short -timeout 15m ./config/... ./consensus/... ./gateway/... ./proxy/... ./peer/...

.PHONY: bench
bench: build stock ## print the figures: start, memory, binary size, add of 256 MiB
	go test -run '^$$' -bench . -benchtime 1x -timeout 15m ./internal/itest

.PHONY: bench-pins
bench-pins: ## compare pins with the stock three peers (BENCH_PINS=10000,100000 BENCH_ROUNDS=5 BENCH_KILLS=5)
	go test -run '^$$' -bench Pins -benchtime 1x -timeout 6h ./internal/stockbench

.PHONY: bench-rpc
bench-rpc: build ## compare add, pin/add and cat through a balancer with the stock three peers (BENCH_ROUNDS=5)
	go test -run '^$$' -bench RPC -benchtime 1x -timeout 6h ./internal/stockbench

.PHONY: bench-names
bench-names: build ## compare keys and names with a plain single kubo (BENCH_ROUNDS=5)
	go test -run '^$$' -bench Names -benchtime 1x -timeout 1h ./internal/stockbench

.PHONY: bench-files
bench-files: build ## compare the files commands through three peers with a plain single kubo (BENCH_ROUNDS=5)
	go test -run '^$$' -bench Files -benchtime 1x -timeout 1h ./internal/stockbench

.PHONY: package
package: build ## build bin/underlay_VERSION_ARCH.deb and .rpm
	cd deploy/package && go build -o ../../bin/nfpm github.com/goreleaser/nfpm/v2/cmd/nfpm
	deploy/package/package.sh bin

.PHONY: dev-lb
dev-lb: build ## run the three-peer cluster behind HAProxy, as behind the load balancers on AWS: one endpoint on 5001, 9095 and 8080
	@exec deploy/local/dev-lb $(DEV_FLAGS)

.PHONY: deploy-check
deploy-check: package ## check templates, user data, scripts, units and packages of deploy (skips what has no tool here, and says so)
	go test -count 1 -timeout 10m ./internal/deploy

.PHONY: fmt
fmt: ## format the source
	gofmt -w $$(git ls-files '*.go')

.PHONY: lint
lint: ## check formatting, vet and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	go vet ./...
	cd internal/tools && go build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...
	@internal/tools/layers.sh

.PHONY: check
check: lint test ## what CI runs

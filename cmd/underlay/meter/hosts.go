package meter

import (
	"fmt"

	ocprometheus "contrib.go.opencensus.io/exporter/prometheus"
	"github.com/ipfs-cluster/ipfs-cluster/observations"
	"github.com/prometheus/client_golang/prometheus"
	"go.opencensus.io/stats/view"

	"github.com/underlay/underlay/internal/metrics"
)

// hosts are the libraries that run within this process and have metrics of their own. These belong to the process, since the
// libraries keep them in globals: several peers in one process share them.
func hosts() ([]metrics.Host, error) {
	cluster := prometheus.NewRegistry()
	if _, err := ocprometheus.NewExporter(ocprometheus.Options{Namespace: "ipfscluster", Registry: cluster}); err != nil {
		return nil, fmt.Errorf("show metrics of the orchestrator: %w", err)
	}
	if err := view.Register(observations.DefaultViews...); err != nil {
		return nil, fmt.Errorf("collect metrics of the orchestrator: %w", err)
	}
	return []metrics.Host{{Name: "ipfs", From: prometheus.DefaultGatherer}, {Name: "cluster", From: cluster}}, nil
}

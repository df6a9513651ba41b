package meter

import (
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/metrics"
	"github.com/underlay/underlay/internal/metrics/history"
	"github.com/underlay/underlay/peer"
)

// Meter has everything that a peer tells of itself. Its parts are made before what they measure.
type Meter struct {
	registry *prometheus.Registry
	all      prometheus.Gatherer
	took     durations
	requests *metrics.Requests

	// History remembers an hour of what the peer tells, for those who look at it without a Prometheus. It must be served.
	History *history.History
}

// New makes a meter of the program in the given version.
func New(version string) (*Meter, error) {
	hosts, err := hosts()
	if err != nil {
		return nil, err
	}
	m := &Meter{registry: prometheus.NewRegistry()}
	m.all = metrics.Merge(m.registry, hosts...)
	m.took = newDurations(m.registry)
	m.requests = metrics.NewRequests(m.registry)
	m.History = history.New(m.registry, remembered()...)
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(version))
	m.requests.Expect(apiREST, "/backup", http.MethodGet) // that none was made shows
	return m, nil
}

func buildInfo(version string) prometheus.Collector {
	revision := "unknown"
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "underlay_build_info", Help: "Always 1; the labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "go_version": runtime.Version()},
	}, func() float64 { return 1 })
}

// Registerer is where parts that have metrics of their own put them.
func (m *Meter) Registerer() prometheus.Registerer { return m.registry }

// Consensus observes what a peer's consensus takes.
func (m *Meter) Consensus() consensus.Observers {
	return consensus.Observers{
		Commit: m.took.commit.Observe, Batch: m.took.batch.Observe, Log: m.took.log.Observe, Snapshot: m.took.snapshot.Observe,
	}
}

// Watch shows a peer from now on. It may be called once.
func (m *Meter) Watch(p *peer.Peer) {
	series := slices.Concat(raftSeries(), operationSeries(), pinSeries(), machineSeries())
	m.registry.MustRegister(metrics.NewState(p.Stats, series...))
}

// WatchReady shows from now on whether the gateway and the private APIs want requests. It may be called once.
func (m *Meter) WatchReady(gateway, api func() bool) {
	const name, help = "underlay_ready", "1 if load balancers may send requests to this listener, else 0."
	of := func(ready func() bool) func(struct{}) float64 {
		return func(struct{}) float64 { return metrics.Truth(ready()) }
	}
	m.registry.MustRegister(metrics.NewState(func() struct{} { return struct{}{} },
		metrics.Gauge(name, help, of(gateway), "listener", "gateway"), metrics.Gauge(name, help, of(api), "listener", "api")))
}

// scrapesAtOnce is how many may be answered at a time.
const scrapesAtOnce = 4

// Handler answers Prometheus under /metrics, and what is remembered under /metrics/history.
func (m *Meter) Handler(logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics/history", m.History)
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.all, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
	}))
	return mux
}

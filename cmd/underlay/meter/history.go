package meter

import "github.com/underlay/underlay/internal/metrics/history"

// remembered are the figures of which a peer keeps an hour.
func remembered() []history.Line {
	line := func(name string, kind history.Kind, unit, metric string, labels ...string) history.Line {
		l := history.Line{Name: name, Kind: kind, Unit: unit, Metric: metric, Labels: make(map[string]string)}
		for i := 0; i+1 < len(labels); i += 2 {
			l.Labels[labels[i]] = labels[i+1]
		}
		return l
	}
	return []history.Line{
		line("operations", history.PerSecond, "operations/s", "underlay_state_operations_total", "outcome", "committed"),
		line("commit", history.Mean, "s", "underlay_raft_commit_duration_seconds"),
		line("log_write", history.Mean, "s", "underlay_raft_log_write_duration_seconds"),
		line("pins", history.Value, "pins", "underlay_pinset_pins"),
		line("unsettled", history.Value, "pins", "underlay_pins_unsettled"),
		line("rpc", history.PerSecond, "requests/s", "underlay_http_requests_total", "api", apiRPC),
		line("rest", history.PerSecond, "requests/s", "underlay_http_requests_total", "api", apiREST),
		line("gateway", history.PerSecond, "requests/s", "underlay_http_requests_total", "api", apiGateway),
		line("gateway_errors", history.PerSecond, "requests/s", "underlay_http_requests_total", "api", apiGateway, "code", "5xx"),
		line("gateway_bytes", history.PerSecond, "bytes/s", "underlay_http_response_bytes_total", "api", apiGateway),
		line("blocks", history.Value, "bytes", "underlay_blocks_bytes"),
		line("disk_free", history.Value, "bytes", "underlay_disk_free_bytes"),
		line("memory", history.Value, "bytes", "process_resident_memory_bytes"),
		line("cpu", history.PerSecond, "cores", "process_cpu_seconds_total"),
	}
}

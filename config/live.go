package config

import "reflect"

// liveSettings lists what a running peer can change. Of the gateway's settings that is all but its listener, which is made with
// some of them, its memory, and whom it tells what was denied.
func liveSettings() []string {
	return []string{
		"drain_delay", "log.level",
		"api.admin_token", "api.admin_token_file", "api.trust_network", "api.tls_cert", "api.tls_key", "api.tls_client_ca",
		"gateway.hosts", "gateway.root_redirect", "gateway.codec_conversion", "gateway.routing_api", "gateway.pinned_only",
		"gateway.landing_page", "gateway.robots_file",
		"gateway.trusted_proxies", "gateway.trusted_headers", "gateway.unlimited_clients",
		"gateway.client_rate", "gateway.client_burst", "gateway.client_requests", "gateway.max_concurrent_requests",
		"gateway.retrieval_timeout", "gateway.max_request_duration", "gateway.min_send_rate", "gateway.max_read_pause",
		"gateway.max_path_length", "gateway.max_path_depth", "gateway.max_file_size", "gateway.max_response_size",
		"gateway.max_range_file_size", "gateway.max_directory_entries",
		"gateway.denylist_dir", "gateway.denylists", "gateway.denylist_interval", "gateway.denied_status",
		"cluster.ack_replicas", "cluster.ack_timeout", "cluster.repin_after",
	}
}

// Reload returns the settings of a peer that runs with c and is given next: c with the live settings of next. changed are those
// that differ, waiting are other settings that differ and need a start.
func (c Config) Reload(next Config) (now Config, changed, waiting []Setting) {
	now = c
	now.sources = next.sources
	tls := (c.API.TLSCert == "") == (next.API.TLSCert == "") // a listener cannot begin to speak it, or stop
	for _, f := range fields() {
		was, is := f.value(&c), f.value(&next)
		live := f.Live
		switch f.Path {
		case "api.tls_cert", "api.tls_key", "api.tls_client_ca":
			live = tls
		}
		switch {
		case same(was, is):
		case live:
			f.value(&now).Set(is)
			changed = append(changed, f.Setting)
		default:
			waiting = append(waiting, f.Setting)
		}
	}
	return now, changed, waiting
}

// same compares values; an empty list or map is none.
func same(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

package restdiff

import "net/http"

// clusterCases ask what the cluster is and how it does.
func clusterCases() []testCase {
	return []testCase{
		{"identity", []step{
			rest("GET /id").mask(maskAddresses...).mask(maskVersion...).inAnyOrder(),
			rest("GET /version").mask(maskVersion...),
			rest("GET /peers").mask(maskAddresses...).mask(maskVersion...).inAnyOrder(),
		}},
		{"health", []step{
			rest("GET /health"),
			rest("GET /health/graph").inAnyOrder(),
			rest("GET /health/alerts"),
			rest("GET /health/bandwidth").mask(maskBandwidth...),
		}},
		{"metrics", []step{
			rest("GET /monitor/metrics").inAnyOrder(),
			rest("GET /monitor/metrics/{name}").at("/monitor/metrics/ping").mask(maskMetric...).inAnyOrder(),
			rest("GET /monitor/metrics/{name}").at("/monitor/metrics/freespace").named("freespace").mask(maskMetric...).inAnyOrder(),
			rest("GET /monitor/metrics/{name}").at("/monitor/metrics/pinqueue").named("pinqueue").mask(maskMetric...).inAnyOrder(),
			rest("GET /monitor/metrics/{name}").at("/monitor/metrics/nonsense").named("unknown"),
		}},
		{"members", []step{
			rest("POST /peers").with(raw("application/json", `{"peer_id":"$id2"}`)).mask(maskAddresses...).mask(maskVersion...).inAnyOrder(),
			rest("POST /peers").with(raw("application/json", `{"peer_id":"nonsense"}`)).named("nonsense"),
			rest("POST /peers").with(raw("application/json", `{`)).named("broken JSON"),
			rest("POST /peers").with(raw("application/json", ``)).named("empty"),
			rest("DELETE /peers/{peer}").at("/peers/nonsense"),
			rest("GET /peers").named("all are there").mask(maskAddresses...).mask(maskVersion...).inAnyOrder(),
		}},
		{"token", []step{rest("POST /token")}},
		{"gc", []step{
			rest("POST /add", "no-pin=true", "raw-leaves=true").with(content("to be collected")),
			rest("POST /ipfs/gc", "local=true").named("local").capture("found", `"key":("`+blockCID("to be collected")+`")`).mask(`("keys":)\[[^]]*\]`),
			rest("POST /ipfs/gc").mask(`("keys":)(?:\[[^]]*\]|null)`),
			rest("POST /ipfs/gc", "local=banana").named("neither"),
		}},
	}
}

// routingCases are about what no handler sees.
func routingCases() []testCase {
	return []testCase{
		{"routing", []step{
			rest("GET /nothing").named("unknown route"),
			rest("GET /").named("root"),
			rest("PUT /id").named("wrong method"),
			rest("DELETE /pins").named("wrong method on pins"),
			rest("POST /health").named("wrong method on health"),
			rest("GET /id/").named("slash at the end"),
			rest("POST /pins/nonsense/").named("POST with a slash at the end"),
			rest("HEAD /id").named("HEAD").mask(maskAddresses...),
			rest("GET /version").header("Origin", "https://app.example").named("of another site").mask(maskVersion...),
			rest("OPTIONS /id").header("Origin", "https://app.example", "Access-Control-Request-Method", http.MethodGet).named("preflight"),
			rest("OPTIONS /add").header("Origin", "https://app.example", "Access-Control-Request-Method", http.MethodPost).named("preflight of a change"),
			rest("OPTIONS /id").named("OPTIONS"),
		}},
	}
}

// removalCases take a peer out of the cluster: last.
func removalCases() []testCase {
	return []testCase{{"removal", []step{
		rest("DELETE /peers/{peer}").at("/peers/$id3"),
		rest("GET /peers").until(`"peername"`).mask(maskAddresses...).mask(maskVersion...).inAnyOrder(),
		rest("DELETE /peers/{peer}").at("/peers/$id3").named("again"),
		{label: "it ends", action: probe{3}, awaited: "down", patience: settleLimit},
		rest("POST /peers").with(raw("application/json", `{"peer_id":"$id3"}`)).named("who is down").mask(maskAddresses...),
	}}}
}

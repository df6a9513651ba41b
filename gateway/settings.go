package gateway

import (
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/kubo/config"
	"github.com/prometheus/client_golang/prometheus"
)

// settings translates the node's Gateway section into boxo's, with kubo's defaults, and puts our options on top.
func settings(cfg *config.Config, o Options) boxo.Config {
	gw := cfg.Gateway
	c := boxo.Config{
		DeserializedResponses:   gw.DeserializedResponses.WithDefault(config.DefaultDeserializedResponses),
		AllowCodecConversion:    gw.AllowCodecConversion.WithDefault(config.DefaultAllowCodecConversion),
		DisableHTMLErrors:       gw.DisableHTMLErrors.WithDefault(config.DefaultDisableHTMLErrors),
		NoDNSLink:               gw.NoDNSLink,
		RetrievalTimeout:        gw.RetrievalTimeout.WithDefault(config.DefaultRetrievalTimeout),
		MaxRequestDuration:      gw.MaxRequestDuration.WithDefault(config.DefaultMaxRequestDuration),
		MaxConcurrentRequests:   int(gw.MaxConcurrentRequests.WithDefault(int64(config.DefaultMaxConcurrentRequests))),
		MaxRangeRequestFileSize: int64(gw.MaxRangeRequestFileSize.WithDefault(uint64(config.DefaultMaxRangeRequestFileSize))),
		DiagnosticServiceURL:    gw.DiagnosticServiceURL.WithDefault(config.DefaultDiagnosticServiceURL),
		MetricsRegistry:         o.Metrics,
	}
	if o.RetrievalTimeout > 0 {
		c.RetrievalTimeout = o.RetrievalTimeout
	}
	if o.MaxConcurrentRequests > 0 {
		c.MaxConcurrentRequests = o.MaxConcurrentRequests
	}
	if c.MetricsRegistry == nil {
		// boxo would fall back to the process-wide registry, which other nodes in this process share.
		c.MetricsRegistry = prometheus.NewRegistry()
	}
	c.PublicGateways = publicGateways(gw.PublicGateways, c.DeserializedResponses)
	return c
}

// publicGateways is what the node's settings say about host names, on top of kubo's own rule: localhost isolates
// each CID in a subdomain. A host name set to null loses such a default rule.
func publicGateways(specs map[string]*config.GatewaySpec, deserialized bool) map[string]*boxo.PublicGateway {
	hosts := map[string]*boxo.PublicGateway{
		// kubo leaves DeserializedResponses unset here, so that "localhost" serves raw blocks only on port 80
		// although any other port serves pages. All ports follow the general setting here.
		"localhost": {
			Paths:                 []string{"/ipfs/", "/ipns/", "/p2p/"},
			UseSubdomains:         true,
			DeserializedResponses: deserialized,
		},
	}
	for host, spec := range specs {
		if spec == nil {
			delete(hosts, host)
			continue
		}
		hosts[host] = &boxo.PublicGateway{
			Paths:                 spec.Paths,
			UseSubdomains:         spec.UseSubdomains,
			NoDNSLink:             spec.NoDNSLink,
			InlineDNSLink:         spec.InlineDNSLink.WithDefault(config.DefaultInlineDNSLink),
			DeserializedResponses: spec.DeserializedResponses.WithDefault(deserialized),
		}
	}
	return hosts
}

// unhurried is for a handler that is asked on the way of another one, which has the limits and the metrics.
func unhurried(c boxo.Config) boxo.Config {
	c.RetrievalTimeout, c.MaxConcurrentRequests = 0, 0
	c.MetricsRegistry = prometheus.NewRegistry()
	return c
}

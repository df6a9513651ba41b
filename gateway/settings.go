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
		DeserializedResponses: gw.DeserializedResponses.WithDefault(config.DefaultDeserializedResponses),
		AllowCodecConversion:  o.CodecConversion || gw.AllowCodecConversion.WithDefault(config.DefaultAllowCodecConversion),
		DisableHTMLErrors:     gw.DisableHTMLErrors.WithDefault(config.DefaultDisableHTMLErrors),
		NoDNSLink:             gw.NoDNSLink,
		// Concurrent requests and the wait for content are bounded by a layer of ours, see package limits.
		MaxRequestDuration:          o.Limits.Duration,
		MaxRangeRequestFileSize:     o.Limits.RangeFileSize,
		MaxDeserializedResponseSize: o.Limits.FileSize,
		MaxUnixFSDAGResponseSize:    o.Limits.ResponseSize,
		DiagnosticServiceURL:        gw.DiagnosticServiceURL.WithDefault(config.DefaultDiagnosticServiceURL),
		MetricsRegistry:             o.BoxoMetrics,
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

// uncounted is for a handler that is asked on the way of another one, which has the metrics.
func uncounted(c boxo.Config) boxo.Config {
	c.MetricsRegistry = prometheus.NewRegistry()
	return c
}

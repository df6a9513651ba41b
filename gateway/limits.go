package gateway

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"time"

	kubo "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/gateway/forwarded"
	"github.com/underlay/underlay/gateway/limits"
	"github.com/underlay/underlay/internal/httpserver"
)

// Trust says whose word counts for whom they ask.
type Trust = forwarded.Options

// Limits are what the gateway bears. A bound of 0 is none, unless it says otherwise.
type Limits struct {
	// Unlimited are the clients for which the bounds of a single client do not hold.
	Unlimited         []netip.Prefix
	ClientRate        int // requests a second, on average
	ClientBurst       int // of them at once
	ClientRequests    int // in progress
	ClientConnections int
	MaxConnections    int // of all clients

	// Retrieval bounds the wait for the first byte and for more content to send, Duration an answer as a whole, and
	// Concurrent the requests that work at once. 0 takes what the node's Gateway settings say.
	Retrieval  time.Duration
	Duration   time.Duration
	Concurrent int

	SendRate  int           // bytes a second that a client must read on the whole
	ReadPause time.Duration // how long it may stop reading; 0 means 1 min

	PathLength  int // bytes of a request's address; 0 means 8 KiB
	PathDepth   int // parts of its path; 0 means 256
	HeaderBytes int // bytes of its header; 0 means 16 KiB

	// FileSize and ResponseSize bound what is served as a file or page, and in any format, in bytes.
	FileSize, ResponseSize int64
	// RangeFileSize bounds the files of which ranges are served. 0 takes what the node's Gateway settings say.
	RangeFileSize    int64
	DirectoryEntries int // of a directory that is listed
}

// filled puts in what is meant where a bound of 0 is not none.
func (l Limits) filled() Limits {
	if l.ReadPause <= 0 {
		l.ReadPause = time.Minute
	}
	if l.PathLength <= 0 {
		l.PathLength = 8 << 10
	}
	if l.PathDepth <= 0 {
		l.PathDepth = 256
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = 16 << 10
	}
	return l
}

// over puts in what the node's settings say where a bound of 0 means that, with kubo's defaults.
func (l Limits) over(gw kubo.Gateway) Limits {
	if l.Retrieval <= 0 {
		l.Retrieval = gw.RetrievalTimeout.WithDefault(kubo.DefaultRetrievalTimeout)
	}
	if l.Duration <= 0 {
		l.Duration = gw.MaxRequestDuration.WithDefault(kubo.DefaultMaxRequestDuration)
	}
	if l.Concurrent <= 0 {
		l.Concurrent = int(gw.MaxConcurrentRequests.WithDefault(int64(kubo.DefaultMaxConcurrentRequests)))
	}
	if l.RangeFileSize <= 0 {
		l.RangeFileSize = int64(gw.MaxRangeRequestFileSize.WithDefault(uint64(kubo.DefaultMaxRangeRequestFileSize)))
	}
	return l
}

// isUnlimited tells addresses that are not counted by client. What has no address came over no network.
func (l Limits) isUnlimited(a netip.Addr) bool {
	return !a.IsValid() || slices.ContainsFunc(l.Unlimited, func(p netip.Prefix) bool { return p.Contains(a) })
}

// connections bounds them for the server. Those of balancers are as many as the balancers want.
func (g *Gateway) connections(l Limits) httpserver.Bounds {
	return httpserver.Bounds{
		Total: l.MaxConnections,
		Each:  l.ClientConnections,
		Key: func(a netip.Addr) (key netip.Addr, each, total bool) {
			o := g.options.Load()
			proxy := slices.ContainsFunc(o.Trust.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
			return forwarded.Client{Addr: a}.Key(), !o.Limits.isUnlimited(a), !proxy
		},
	}
}

// writeTimeout is for answers whose pace nobody watches: what the wait for content and a reader's pause take together.
func (l Limits) writeTimeout() time.Duration {
	if l.SendRate <= 0 {
		return 0
	}
	return cmp.Or(l.Retrieval, kubo.DefaultRetrievalTimeout) + l.ReadPause
}

// clients is the layer that keeps each client within its bounds.
func (l Limits) clients(next http.Handler) http.Handler {
	return limits.Clients(limits.ClientOptions{
		Client: func(r *http.Request) (netip.Addr, bool) {
			c := forwarded.From(r.Context())
			return c.Key(), !c.Proxy && !l.isUnlimited(c.Addr)
		},
		Rate:       float64(l.ClientRate),
		Burst:      l.ClientBurst,
		Concurrent: l.ClientRequests,
		PathLength: l.PathLength,
		PathDepth:  l.PathDepth,
		LeastPace:  float64(l.SendRate),
		Grace:      l.ReadPause,
	}, next)
}

// work is the layer that bounds what the content handler does at once.
func (l Limits) work(next http.Handler) http.Handler {
	return limits.Work(limits.WorkOptions{
		Client:     func(r *http.Request) netip.Addr { return forwarded.From(r.Context()).Key() },
		Concurrent: l.Concurrent,
		Retrieval:  l.Retrieval,
		Duration:   l.Duration,
		MaxBytes:   l.ResponseSize,
	}, next)
}

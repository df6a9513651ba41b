package hot

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	boxo "github.com/ipfs/boxo/gateway"
)

// key is all that the handler's answer depends on, for the requests that are looked up at all.
type key struct {
	host     string // a host name that the handler treats in a way of its own, or empty
	isolated bool   // the content has an origin of its own, where its _redirects file counts
	path     string
	filename string // of the query; it decides about the type and the name under which the client saves it
	download bool   // of the query
	reach    reach
}

func (k key) weight() uint32 { return uint32(len(k.host) + len(k.path) + len(k.filename)) }

// reach is how much of the file is asked for. The handler guesses a type only from the beginning of a file, and refuses
// ranges of very large ones, so these are different answers.
type reach byte

const (
	wholeFile reach = iota
	fromStart
	fromElsewhere
)

// span is the range that a request asks for, as it is written.
type span struct {
	from int64 // negative: so many bytes before the end
	to   int64 // the last byte; negative: up to the end
}

// conditions are headers that make a request more than a plain one. The handler answers those.
var conditions = [...]string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Service-Worker"}

// parse returns what is looked up for a request, and the range it asks for. It reports whether the request is a plain
// one: GET or HEAD of immutable content as it is, whole or one range, without conditions.
func (c *Cache) parse(r *http.Request) (k key, ra span, plain bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !strings.HasPrefix(r.URL.Path, "/ipfs/") {
		return k, ra, false
	}
	for _, name := range conditions {
		if _, ok := r.Header[name]; ok {
			return k, ra, false
		}
	}
	if r.Header.Get("Cache-Control") == "only-if-cached" || wantsOtherFormat(r.Header["Accept"]) {
		return k, ra, false
	}
	k.path = r.URL.Path
	if ranges, ok := r.Header["Range"]; ok {
		if ra, ok = parseRange(ranges); !ok || r.Method == http.MethodHead {
			return k, ra, false
		}
		if k.reach = fromStart; ra.from != 0 {
			k.reach = fromElsewhere
		}
	}
	if r.URL.RawQuery != "" && !k.setQuery(r) {
		return k, ra, false
	}
	k.setHost(r, c.o.KnownHost)
	return k, ra, true
}

// wantsOtherFormat reports whether a type may be among those that the handler converts content to.
func wantsOtherFormat(accept []string) bool {
	for _, value := range accept {
		if value == "*/*" {
			continue
		}
		for _, format := range [...]string{"application/vnd.ip", "application/x-tar", "application/json", "application/cbor"} {
			if strings.Contains(value, format) {
				return true
			}
		}
	}
	return false
}

// setQuery takes from the query what the handler looks at in a plain request. It reports whether the request is one.
func (k *key) setQuery(r *http.Request) bool {
	query := r.URL.Query()
	for _, name := range [...]string{"format", "uri", "go-get"} {
		if query.Has(name) {
			return false
		}
	}
	k.filename = query.Get("filename")
	k.download = k.filename != "" && query.Get("download") == "true"
	return true
}

// setHost takes from the request what the handler knows of its host.
func (k *key) setHost(r *http.Request, known func(string) bool) {
	ctx := r.Context()
	host := r.Host
	if h, ok := ctx.Value(boxo.GatewayHostnameKey).(string); ok {
		host = h
		_, subdomain := ctx.Value(boxo.SubdomainHostnameKey).(string)
		_, dnslink := ctx.Value(boxo.DNSLinkHostnameKey).(string)
		k.isolated = subdomain || dnslink
	}
	if h := r.Header.Get("X-Forwarded-Host"); h != "" {
		host = h
	}
	if known(host) {
		k.host = host
	}
}

// parseRange reads a Range header. It accepts one range of bytes that says what it means, and leaves others to the handler.
func parseRange(values []string) (ra span, ok bool) {
	if len(values) != 1 {
		return ra, false
	}
	bytes, ok := strings.CutPrefix(values[0], "bytes=")
	if !ok {
		return ra, false
	}
	from, to, ok := strings.Cut(bytes, "-")
	if !ok {
		return ra, false
	}
	if ra.to = -1; from == "" {
		n, ok := number(to)
		ra.from = -n
		return ra, ok && n > 0
	}
	if ra.from, ok = number(from); !ok || to == "" {
		return ra, ok
	}
	ra.to, ok = number(to)
	return ra, ok && ra.from <= ra.to
}

func number(s string) (int64, bool) {
	if len(s) > 18 || slices.ContainsFunc([]byte(s), func(b byte) bool { return b < '0' || b > '9' }) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// in returns the place of the range in a file, and whether it is in it.
func (ra span) in(size int64) (from, length int64, ok bool) {
	from, to := ra.from, size-1
	if from < 0 {
		from = max(size+from, 0)
	}
	if ra.to >= 0 {
		to = min(to, ra.to)
	}
	return from, to - from + 1, from <= to
}

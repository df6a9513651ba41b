package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// resolver is the part of net.Resolver that is used.
type resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// hosts are all the addresses of a name, each with one peer on the same port.
type hosts struct {
	resolver   resolver
	name, port string
}

func newHosts(r resolver, text string) (Source, error) {
	name, port, err := net.SplitHostPort(text)
	if err != nil || name == "" {
		return nil, errors.New("must be dns:NAME:PORT")
	}
	return hosts{r, name, port}, checkPort(port)
}

func checkPort(port string) error {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("must have a port from 1 to 65535")
	}
	return nil
}

// Addrs implements Source.
func (h hosts) Addrs(ctx context.Context) ([]string, error) {
	ips, err := h.resolver.LookupHost(ctx, h.name)
	if err != nil && !notThere(err) {
		return nil, err
	}
	for i, ip := range ips {
		ips[i] = net.JoinHostPort(ip, h.port)
	}
	return ips, nil
}

// services are what the SRV records of a name say.
type services struct {
	resolver resolver
	name     string
}

func newServices(r resolver, name string) (Source, error) {
	if name == "" || strings.ContainsAny(name, ":/ ") {
		return nil, errors.New("must be srv:NAME, for example srv:_underlay._tcp.example.org")
	}
	return services{r, name}, nil
}

// Addrs implements Source.
func (s services) Addrs(ctx context.Context) ([]string, error) {
	_, records, err := s.resolver.LookupSRV(ctx, "", "", s.name)
	if err != nil && !notThere(err) {
		return nil, err
	}
	addrs := make([]string, len(records))
	for i, r := range records {
		addrs[i] = net.JoinHostPort(strings.TrimSuffix(r.Target, "."), fmt.Sprint(r.Port))
	}
	return addrs, nil
}

// notThere tells a name without records: no peer has registered itself yet.
func notThere(err error) bool {
	fault, ok := errors.AsType[*net.DNSError](err)
	return ok && fault.IsNotFound
}

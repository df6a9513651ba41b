package discover

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// names is a DNS of one name.
type names struct {
	hosts    []string
	services []*net.SRV
	err      error
}

func (n *names) LookupHost(context.Context, string) ([]string, error) {
	return slices.Clone(n.hosts), n.err
}

func (n *names) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", n.services, n.err
}

func kindsOf(n *names) map[string]Kind {
	kinds := Kinds(nil)
	kinds["dns"] = func(rest string) (Source, error) { return newHosts(n, rest) }
	kinds["srv"] = func(rest string) (Source, error) { return newServices(n, rest) }
	return kinds
}

func TestPlacesAreAskedTogether(t *testing.T) {
	list := filepath.Join(t.TempDir(), "peers")
	dns := &names{hosts: []string{"10.0.0.2", "fd00::2"}, services: []*net.SRV{{Target: "one.example.org.", Port: 7}}}
	p, err := Parse([]string{"10.0.0.1:9096", "dns:peers.example.org:9096", "srv:_underlay._tcp.example.org", "file:" + list}, kindsOf(dns))
	if err != nil {
		t.Fatal(err)
	}
	if fixed, all := p.Fixed(); all || len(fixed) != 1 {
		t.Errorf("fixed are %v, all %t", fixed, all)
	}
	expect := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		if got, err := p.Addrs(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
	expect("10.0.0.1:9096", "10.0.0.2:9096", "[fd00::2]:9096", "one.example.org:7")
	if err := os.WriteFile(list, []byte("# peers\n\n10.0.0.3:9096\n10.0.0.1:9096\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dns.hosts, dns.services, dns.err = nil, nil, &net.DNSError{IsNotFound: true}
	expect("10.0.0.1:9096", "10.0.0.3:9096")
}

// A place that cannot be asked, or is wrong in part, hides nothing of what is known otherwise.
func TestFaultyPlaceHidesNoOther(t *testing.T) {
	list := filepath.Join(t.TempDir(), "peers")
	if err := os.WriteFile(list, []byte("nonsense\n10.0.0.3:9096\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	timeout := errors.New("timeout")
	p, err := Parse([]string{"dns:x:1", "file:" + list, "10.0.0.1:1"}, kindsOf(&names{err: timeout}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Addrs(t.Context())
	if !slices.Equal(got, []string{"10.0.0.1:1", "10.0.0.3:9096"}) || !errors.Is(err, timeout) || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFixedPlaces(t *testing.T) {
	p, err := Parse([]string{"b:2", "a:1"}, Kinds(nil))
	if err != nil {
		t.Fatal(err)
	}
	if fixed, all := p.Fixed(); !all || len(fixed) != 2 {
		t.Errorf("fixed are %v, all %t", fixed, all)
	}
	if got, err := p.Addrs(t.Context()); err != nil || !slices.Equal(got, []string{"a:1", "b:2"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWrongPlacesAreNamed(t *testing.T) {
	_, err := Parse([]string{
		"dns:x", "dns::1", "dns:x:0", "srv:", "srv:a:1", "file:relative", "ec2:a=b", "ec2:a:1", "ec2:=b:1", "ec2:a=b:x", "10.0.0.1:1",
	}, Kinds(nil))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 10 {
		t.Fatalf("faults are %v", err)
	}
	for i, err := range joined.Unwrap() {
		if fault, ok := errors.AsType[*Fault](err); !ok || fault.Index != i {
			t.Errorf("fault %d is %v", i, err)
		}
	}
}

// inventory knows machines by their tags.
type inventory map[string][]string

func (i inventory) Tagged(_ context.Context, tags map[string]string) ([]string, error) {
	return slices.Clone(i[tags["cluster"]+"/"+tags["role"]]), nil
}

func TestTaggedInstances(t *testing.T) {
	p, err := Parse([]string{"ec2:cluster=prod,role=peer:9096"}, Kinds(inventory{"prod/peer": {"10.0.0.7", "10.0.1.7"}}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Addrs(t.Context()); err != nil || !slices.Equal(got, []string{"10.0.0.7:9096", "10.0.1.7:9096"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

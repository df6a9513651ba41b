package peer

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/metrics"
)

func TestListenAddr(t *testing.T) {
	for _, r := range []struct{ in, want string }{
		{"127.0.0.1:9096", "/ip4/127.0.0.1/tcp/9096"},
		{":9096", "/ip4/0.0.0.0/tcp/9096"},
		{"0.0.0.0:9096", "/ip4/0.0.0.0/tcp/9096"},
		{"[::1]:9096", "/ip6/::1/tcp/9096"},
		{"[::]:9096", "/ip6/::/tcp/9096"},
		{"127.0.0.1:0", "/ip4/127.0.0.1/tcp/0"},
		{"127.0.0.1", ""},
		{"127.0.0.1:port", ""},
		{"127.0.0.1:70000", ""},
	} {
		t.Run(r.in, func(t *testing.T) {
			addr, err := listenAddr(r.in)
			if r.want == "" {
				if err == nil {
					t.Errorf("accepted as %s", addr)
				}
				return
			}
			if err != nil || addr.String() != r.want {
				t.Errorf("got %v, %v; want %s", addr, err, r.want)
			}
		})
	}
	addr, err := listenAddr("localhost:9096")
	if err != nil || !strings.HasSuffix(addr.String(), "/tcp/9096") || !strings.HasPrefix(addr.String(), "/ip") {
		t.Errorf("a name gives %v, %v", addr, err)
	}
}

func TestDialAddr(t *testing.T) {
	for _, r := range []struct{ in, want string }{
		{"192.0.2.7:9096", "/ip4/192.0.2.7/tcp/9096"},
		{"[2001:db8::7]:9096", "/ip6/2001:db8::7/tcp/9096"},
		{"peer-1.example:9096", "/dns/peer-1.example/tcp/9096"},
		{"localhost:9096", "/dns/localhost/tcp/9096"},
		{"peer-1", ""},
		{"", ""},
		{":9096", ""},
		{"peer-1:", ""},
		{"peer-1:port", ""},
		{"peer-1:70000", ""},
		{"2001:db8::7:9096", ""},
		{"a/b:9096", ""},
	} {
		t.Run(r.in, func(t *testing.T) {
			addr, err := dialAddr(r.in)
			if r.want == "" {
				if err == nil || !strings.Contains(err.Error(), `"`+r.in+`"`) {
					t.Errorf("got %v, %v; want an error that names it", addr, err)
				}
				return
			}
			if err != nil || addr.String() != r.want {
				t.Errorf("got %v, %v; want %s", addr, err, r.want)
			}
		})
	}
}

func TestHostAnnouncesOnlyWhatItIsTold(t *testing.T) {
	h, err := openHost("127.0.0.1:0", []string{"peer.example:1", "[2001:db8::7]:2"}, testKey(t), testSecret(1), metrics.NewBandwidthCounter())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var got []string
	for _, a := range h.Addrs() {
		got = append(got, a.String())
	}
	slices.Sort(got)
	if want := []string{"/dns/peer.example/tcp/1", "/ip6/2001:db8::7/tcp/2"}; !slices.Equal(got, want) {
		t.Errorf("announced %v, want %v", got, want)
	}
}

func TestOpenHostNamesTheSettingAtFault(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, r := range []struct{ name, listen, announce, says string }{
		{"listen address", "nonsense", "peer:1", "cluster.listen"},
		{"announced address", "127.0.0.1:0", "nonsense", "cluster.announce"},
		{"taken port", taken.Addr().String(), "peer:1", taken.Addr().String()},
	} {
		t.Run(r.name, func(t *testing.T) {
			h, err := openHost(r.listen, []string{r.announce}, testKey(t), testSecret(1), metrics.NewBandwidthCounter())
			if err == nil {
				h.Close()
			}
			if err == nil || !strings.Contains(err.Error(), r.says) {
				t.Errorf("error is %v; want %q in it", err, r.says)
			}
		})
	}
}

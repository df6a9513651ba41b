package config

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

// Every name in the list is a setting.
func TestLiveSettingsAreThere(t *testing.T) {
	var marked []string
	for _, s := range Settings() {
		if s.Live {
			marked = append(marked, s.Path)
		}
	}
	listed := liveSettings()
	slices.Sort(marked)
	slices.Sort(listed)
	if !slices.Equal(marked, listed) {
		t.Errorf("marked are %v\nlisted are %v", marked, listed)
	}
}

func TestReload(t *testing.T) {
	running := Default(nil)
	running.API.TLSCert, running.API.TLSKey = "cert", "key"
	for name, c := range map[string]struct {
		change           func(*Config)
		changed, waiting []string
	}{
		"nothing":        {func(*Config) {}, nil, nil},
		"an empty list":  {func(c *Config) { c.Gateway.Denylists = []string{} }, nil, nil},
		"live":           {func(c *Config) { c.DrainDelay, c.Log.Level = time.Second, "warn" }, []string{"drain_delay", "log.level"}, nil},
		"a map":          {func(c *Config) { c.Gateway.Hosts = map[string]Host{"a.test": {Kind: "website"}} }, []string{"gateway.hosts"}, nil},
		"not live":       {func(c *Config) { c.Name, c.Gateway.Listen = "other", ":1" }, nil, []string{"name", "gateway.listen"}},
		"both":           {func(c *Config) { c.DataDir, c.API.TLSCert = "/other", "cert2" }, []string{"api.tls_cert"}, []string{"data_dir"}},
		"kubo's":         {func(c *Config) { c.IPFS = KuboSettings{"Pubsub": map[string]any{"Enabled": true}} }, nil, []string{"ipfs"}},
		"no TLS no more": {func(c *Config) { c.API.TLSCert, c.API.TLSKey = "", "" }, nil, []string{"api.tls_cert", "api.tls_key"}},
	} {
		t.Run(name, func(t *testing.T) {
			next := running
			c.change(&next)
			now, changed, waiting := running.Reload(next)
			if got := paths(changed); !slices.Equal(got, c.changed) {
				t.Errorf("changed are %v, want %v", got, c.changed)
			}
			if got := paths(waiting); !slices.Equal(got, c.waiting) {
				t.Errorf("waiting are %v, want %v", got, c.waiting)
			}
			if _, again, still := now.Reload(next); len(again) > 0 || !slices.Equal(paths(still), c.waiting) {
				t.Errorf("the second time: %v, %v", again, still)
			}
			if len(c.waiting) == 0 && len(c.changed) > 0 && !reflect.DeepEqual(now, next) {
				t.Errorf("what holds now is %+v", now)
			}
		})
	}
}

func paths(settings []Setting) (names []string) {
	for _, s := range settings {
		names = append(names, s.Path)
	}
	return names
}

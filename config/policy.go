package config

import (
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
)

// DenylistDir is the directory of the operator's denylists.
func (c Config) DenylistDir() string {
	if c.Gateway.DenylistDir != "" {
		return c.Gateway.DenylistDir
	}
	return filepath.Join(c.DataDir, "denylists")
}

func (c Config) checkPolicy(fs *faults) {
	seen := make(map[string]bool)
	for _, text := range c.Gateway.Denylists {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
			fs.add("gateway.denylists", "must be URLs that begin with https://, not %q", text)
		case seen[text]:
			fs.add("gateway.denylists", "has %q twice", text)
		}
		seen[text] = true
	}
	checkPositive(fs, "gateway.denylist_interval", c.Gateway.DenylistInterval)
	if s := c.Gateway.DeniedStatus; s != http.StatusGone && s != http.StatusUnavailableForLegalReasons {
		fs.add("gateway.denied_status", "must be 410 or 451, is %d", s)
	}
	checkURL(fs, "gateway.purge_url", c.Gateway.PurgeURL)
	checkURL(fs, "gateway.public_url", c.Gateway.PublicURL)
	if c.Gateway.PurgeTokenFile != "" && c.Gateway.PurgeURL == "" {
		fs.add("gateway.purge_token_file", "needs gateway.purge_url")
	}
}

// checkURL checks a URL that need not be set.
func checkURL(fs *faults, setting, text string) {
	if text == "" {
		return
	}
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		fs.add(setting, "must be a URL that begins with https:// or http://")
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

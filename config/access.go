package config

import (
	"fmt"
	"os"
	"strings"
	"unicode"
)

// minToken is the least length of a token: nobody counts how often it is guessed.
const minToken = 32

func (c Config) checkAccess(fs *faults) {
	if problem := tokenProblem(string(c.API.AdminToken)); problem != "" && c.API.AdminToken != "" {
		fs.add("api.admin_token", "%s", problem)
	}
	if c.API.AdminToken != "" && c.API.AdminTokenFile != "" {
		fs.add("api.admin_token_file", "excludes api.admin_token")
	}
	if (c.API.TLSCert == "") != (c.API.TLSKey == "") {
		fs.add("api.tls_key", "is needed with api.tls_cert, and the other way round")
	}
	if c.API.TLSClientCA != "" && c.API.TLSCert == "" {
		fs.add("api.tls_client_ca", "needs api.tls_cert and api.tls_key")
	}
}

// tokenProblem says what is wrong with a token of the settings, without showing it.
func tokenProblem(token string) string {
	switch {
	case len(token) < minToken:
		return fmt.Sprintf("must have at least %d characters, has %d", minToken, len(token))
	case token == redacted || strings.ContainsFunc(token, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }):
		return "must be made of letters, digits and signs of ASCII, without blanks"
	}
	return ""
}

// ReadAdminToken returns the admin token, from its file if that is set; empty: there is none. The error does not contain it.
func (a API) ReadAdminToken() (string, error) {
	if a.AdminTokenFile == "" {
		return string(a.AdminToken), nil
	}
	return readToken("api.admin_token_file", a.AdminTokenFile)
}

// ReadMetricsToken returns the token for metrics from its file; empty: there is none. The error does not contain it.
func (a API) ReadMetricsToken() (string, error) {
	if a.MetricsTokenFile == "" {
		return "", nil
	}
	return readToken("api.metrics_token_file", a.MetricsTokenFile)
}

func readToken(setting, file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	token := strings.TrimSpace(string(raw))
	if problem := tokenProblem(token); problem != "" {
		return "", fmt.Errorf("%s: %s: the token %s", setting, file, problem)
	}
	return token, nil
}

// Exposed lists the settings of the private listeners by which others than this machine can reach them.
func (c Config) Exposed() (settings []string) {
	for _, l := range []struct{ setting, addr string }{
		{"api.listen", c.API.Listen}, {"api.rest_listen", c.API.RESTListen}, {"psa.listen", c.PSA.Listen},
	} {
		if l.addr == "" {
			continue
		}
		if host, _, problem := splitHostPort(l.addr); problem != "" || !isLoopback(host) {
			settings = append(settings, l.setting)
		}
	}
	return settings
}

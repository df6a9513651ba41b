package config

import (
	"fmt"
	"os"
	"strings"
	"unicode"
)

// minAdminToken is the least length of the admin token: nobody counts how often it is guessed.
const minAdminToken = 32

func (c Config) checkAccess(fs *faults) {
	if problem := adminTokenProblem(string(c.API.AdminToken)); problem != "" && c.API.AdminToken != "" {
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

// adminTokenProblem says what is wrong with an admin token, without showing it.
func adminTokenProblem(token string) string {
	switch {
	case len(token) < minAdminToken:
		return fmt.Sprintf("must have at least %d characters, has %d", minAdminToken, len(token))
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
	raw, err := os.ReadFile(a.AdminTokenFile)
	if err != nil {
		return "", fmt.Errorf("api.admin_token_file: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if problem := adminTokenProblem(token); problem != "" {
		return "", fmt.Errorf("api.admin_token_file: %s: the token %s", a.AdminTokenFile, problem)
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

package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/runfile"
)

// The environment variables of the commands.
const (
	envAPI     = "UNDERLAY_API"
	envToken   = "UNDERLAY_TOKEN"
	envAuth    = "UNDERLAY_AUTH"
	envTimeout = "UNDERLAY_TIMEOUT"
	envTLSCA   = "UNDERLAY_TLS_CA"
	envTLSCert = "UNDERLAY_TLS_CERT"
	envTLSKey  = "UNDERLAY_TLS_KEY"
	envFile    = "UNDERLAY_CLIENT"
)

// standardAPI is where a peer with the standard settings answers.
const standardAPI = "http://127.0.0.1:9095"

// settings is what a command needs to reach a peer.
type settings struct {
	client  client.Options
	timeout time.Duration
	source  string // where the address is from
	guessed bool   // it is only where a peer would be
	note    string // for the user; may be empty
}

// settingsFile is the content of the user's client.yaml.
type settingsFile struct {
	API     string        `yaml:"api"`
	Token   string        `yaml:"token"`
	Auth    string        `yaml:"auth"`
	Timeout time.Duration `yaml:"timeout"`
	TLSCA   string        `yaml:"tls_ca"`
	TLSCert string        `yaml:"tls_cert"`
	TLSKey  string        `yaml:"tls_key"`

	path string
}

// resolve finds the peer to ask and the credentials: flags come first, then the environment, then the file, then the peers
// that run here.
func (g *globals) resolve() (settings, error) {
	file, err := readSettings(g.env.Lookup)
	if err != nil {
		return settings{}, err
	}
	s := settings{timeout: g.timeout}
	if s.timeout == 0 {
		if s.timeout, err = timeoutOf(g.env.Lookup, file); err != nil {
			return s, err
		}
	}
	g.findAPI(&s, file)
	s.client.TLS = client.TLS{
		CA:   cmp.Or(g.tls.CA, variable(g.env.Lookup, envTLSCA), file.TLSCA),
		Cert: cmp.Or(g.tls.Cert, variable(g.env.Lookup, envTLSCert), file.TLSCert),
		Key:  cmp.Or(g.tls.Key, variable(g.env.Lookup, envTLSKey), file.TLSKey),
	}
	token, auth := g.token, g.auth
	if token == "" && auth == "" {
		token, auth = variable(g.env.Lookup, envToken), variable(g.env.Lookup, envAuth)
	}
	// What the file holds is for the peer that it names, and for no other.
	if token == "" && auth == "" && (file.API == "" || file.API == s.client.URL) {
		token, auth = file.Token, file.Auth
	}
	if token != "" && auth != "" {
		return s, usagef("both a token and a user are given; choose one")
	}
	s.client.Token = token
	if auth != "" {
		var ok bool
		if s.client.User, s.client.Password, ok = strings.Cut(auth, ":"); !ok || s.client.User == "" {
			return s, usagef("credentials are written user:password")
		}
	}
	return s, nil
}

func (g *globals) findAPI(s *settings, file settingsFile) {
	for _, from := range []struct{ url, source string }{
		{g.api, "--api"}, {variable(g.env.Lookup, envAPI), envAPI}, {file.API, file.path},
	} {
		if from.url != "" {
			s.client.URL, s.source = withScheme(from.url), from.source
			return
		}
	}
	running := runfile.Find(runfile.Dirs(g.env.Lookup))
	if len(running) == 0 {
		s.client.URL, s.source, s.guessed = standardAPI, "the default", true
		return
	}
	first := running[0]
	s.client.URL, s.source = first.API, first.Name+", which runs here"
	var others []string
	for _, p := range running[1:] {
		if p.Cluster != first.Cluster {
			others = append(others, p.Name+" at "+p.API)
		}
	}
	if len(others) > 0 {
		s.note = fmt.Sprintf("several clusters run here; this is %s at %s, not %s (choose with --api or %s)",
			first.Name, first.API, strings.Join(others, ", "), envAPI)
	}
}

// withScheme lets a person leave out http://.
func withScheme(url string) string {
	url = strings.TrimSuffix(url, "/")
	if strings.Contains(url, "://") {
		return url
	}
	return "http://" + url
}

func variable(lookup func(string) (string, bool), name string) string {
	text, _ := lookup(name)
	return text
}

func timeoutOf(lookup func(string) (string, bool), file settingsFile) (time.Duration, error) {
	text := variable(lookup, envTimeout)
	if text == "" {
		return file.Timeout, nil
	}
	limit, err := time.ParseDuration(text)
	if err != nil {
		return 0, usagef("%s: %w", envTimeout, err)
	}
	return limit, nil
}

// readSettings reads the file that UNDERLAY_CLIENT names, which must exist, or else the one in its usual place, which
// need not.
func readSettings(lookup func(string) (string, bool)) (settingsFile, error) {
	path, named := lookup(envFile)
	if !named || path == "" {
		named = false
		if path = usualPath(lookup); path == "" {
			return settingsFile{}, nil
		}
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return settingsFile{}, nil
	}
	if err != nil {
		return settingsFile{}, usagef("settings of the command line: %w", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return settingsFile{}, usagef("settings of the command line: %w", err)
	}
	file := settingsFile{path: path}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && len(bytes.TrimSpace(raw)) > 0 {
		return file, usagef("%s: %w", path, err)
	}
	if (file.Token != "" || file.Auth != "") && info.Mode().Perm()&0o077 != 0 {
		return file, usagef("%s holds credentials and others can read it: chmod 600 %s", path, path)
	}
	if file.API != "" {
		file.API = withScheme(file.API)
	}
	return file, nil
}

// usualPath is where a user keeps the settings; empty if the user has no such place.
func usualPath(lookup func(string) (string, bool)) string {
	const name = "underlay/client.yaml"
	if dir := variable(lookup, "XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, name)
	}
	if home := variable(lookup, "HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".config", name)
	}
	return ""
}

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/runfile"
)

// surroundings are the environment, the settings file and the peers of a user.
type surroundings struct {
	env  map[string]string
	file string // the content; empty: none
	mode os.FileMode
	runs []runfile.Peer
}

func (s surroundings) globals(t *testing.T, g globals) *globals {
	t.Helper()
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	for name, value := range s.env {
		env[name] = value
	}
	if s.file != "" {
		path := filepath.Join(home, ".config", "underlay", "client.yaml")
		if s.mode == 0 {
			s.mode = 0o600
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(s.file), s.mode)); err != nil {
			t.Fatal(err)
		}
	}
	g.env.Lookup = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for _, p := range s.runs {
		entry, err := runfile.Announce(runfile.Dirs(g.env.Lookup)[0], p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { entry.Close() })
	}
	return &g
}

func TestWhichPeerIsAsked(t *testing.T) {
	one := runfile.Peer{Name: "one", DataDir: "/1", API: "http://127.0.0.1:1", Cluster: "a"}
	sibling := runfile.Peer{Name: "two", DataDir: "/2", API: "http://127.0.0.1:2", Cluster: "a"}
	other := runfile.Peer{Name: "zoe", DataDir: "/3", API: "http://127.0.0.1:3", Cluster: "b"}
	env := map[string]string{envAPI: "https://environment/"}
	for name, test := range map[string]struct {
		flags      globals
		at         surroundings
		want, note string
	}{
		"nothing":              {globals{}, surroundings{}, standardAPI, ""},
		"a peer that runs":     {globals{}, surroundings{runs: []runfile.Peer{sibling, one}}, one.API, ""},
		"several clusters":     {globals{}, surroundings{runs: []runfile.Peer{other, sibling}}, sibling.API, other.API},
		"the file before it":   {globals{}, surroundings{file: "api: file:1\n", runs: []runfile.Peer{one}}, "http://file:1", ""},
		"the environment":      {globals{}, surroundings{env: env, file: "api: file:1\n"}, "https://environment", ""},
		"the flag before all":  {globals{api: "flag:1"}, surroundings{env: env, file: "api: file:1\n", runs: []runfile.Peer{one}}, "http://flag:1", ""},
		"another place":        {globals{}, surroundings{env: map[string]string{envFile: "testdata/client.yaml"}}, "https://cluster.example:9095", ""},
		"an empty environment": {globals{}, surroundings{env: map[string]string{envAPI: ""}}, standardAPI, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.at.globals(t, test.flags).resolve()
			if err != nil || got.client.URL != test.want || !strings.Contains(got.note, test.note) || (test.note == "") != (got.note == "") {
				t.Errorf("asks %s, says %q, %v; want %s", got.client.URL, got.note, err, test.want)
			}
		})
	}
}

func TestWhichCredentialsAreSent(t *testing.T) {
	const file = "api: http://safe:1\ntoken: secret\n"
	env := map[string]string{envAuth: "ann:pass:word"}
	for name, test := range map[string]struct {
		flags                 globals
		at                    surroundings
		token, user, password string
	}{
		"none":                             {globals{}, surroundings{}, "", "", ""},
		"the file's, to its peer":          {globals{}, surroundings{file: file}, "secret", "", ""},
		"and to no other":                  {globals{api: "http://elsewhere:1"}, surroundings{file: file}, "", "", ""},
		"the file's where it names no one": {globals{api: "http://elsewhere:1"}, surroundings{file: "auth: a:b\n"}, "", "a", "b"},
		"the environment before it":        {globals{}, surroundings{env: env, file: file}, "", "ann", "pass:word"},
		"a flag before all":                {globals{token: "flag"}, surroundings{env: env, file: file}, "flag", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.at.globals(t, test.flags).resolve()
			if err != nil || got.client.Token != test.token || got.client.User != test.user || got.client.Password != test.password {
				t.Errorf("got %+v, %v", got.client, err)
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	at := surroundings{file: "timeout: 3s\n", env: map[string]string{envTimeout: "2s"}}
	for name, test := range map[string]struct {
		flags globals
		at    surroundings
		want  time.Duration
	}{
		"flag":        {globals{timeout: time.Second}, at, time.Second},
		"environment": {globals{}, at, 2 * time.Second},
		"file":        {globals{}, surroundings{file: at.file}, 3 * time.Second},
	} {
		if got, err := test.at.globals(t, test.flags).resolve(); err != nil || got.timeout != test.want {
			t.Errorf("%s: %s, %v", name, got.timeout, err)
		}
	}
}

// Faults in the settings name where they are, and are faults of usage.
func TestFaultsOfSettings(t *testing.T) {
	for name, test := range map[string]struct {
		flags globals
		at    surroundings
		text  string
	}{
		"unknown key":             {globals{}, surroundings{file: "apy: x\n"}, "apy"},
		"others can read it":      {globals{}, surroundings{file: "token: x\n", mode: 0o644}, "chmod 600"},
		"a named file is absent":  {globals{}, surroundings{env: map[string]string{envFile: "/nonexistent"}}, "/nonexistent"},
		"a user without password": {globals{auth: "ann"}, surroundings{}, "user:password"},
		"two credentials":         {globals{auth: "a:b", token: "c"}, surroundings{}, "choose one"},
		"bad time":                {globals{}, surroundings{env: map[string]string{envTimeout: "soon"}}, envTimeout},
	} {
		_, err := test.at.globals(t, test.flags).resolve()
		if err == nil || !strings.Contains(err.Error(), test.text) || ExitCode(err) != exitUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

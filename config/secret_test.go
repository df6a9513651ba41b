package config

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// kuboSecrets returns values that print nowhere either.
func kuboSecrets() map[string]any {
	return map[string]any{
		"API":     map[string]any{"Authorizations": map[string]any{"me": map[string]any{"AuthSecret": "bearer:" + testSecret}}},
		"Pinning": map[string]any{"RemoteServices": map[string]any{"s": map[string]any{"API": map[string]any{"Key": testSecret}}}},
		"AutoTLS": map[string]any{"RegistrationToken": testSecret},
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	c := Default(env(nil))
	c.Cluster.Secret = testSecret
	c.IPFS = kuboSecrets()
	var logged, asYAML, marshalled bytes.Buffer
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&logged, nil)), slog.New(slog.NewJSONHandler(&logged, nil))} {
		l.Info("x", "config", c, "pointer", &c, "secret", c.Cluster.Secret, "ipfs", c.IPFS)
	}
	if err := c.WriteYAML(&asYAML); err != nil {
		t.Fatal(err)
	}
	if err := yaml.NewEncoder(&marshalled).Encode(c); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed := map[string]string{
		"slog": logged.String(), "WriteYAML": asYAML.String(), "yaml": marshalled.String(), "json": string(asJSON),
		"flags": fmt.Sprint(flags(t, "--cluster-secret", testSecret).Lookup("cluster-secret").Value), "print": fmt.Sprint(c), "error": fmt.Errorf("x %v", c).Error(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"} {
		printed["config "+verb] = fmt.Sprintf(verb, c)
		printed["pointer "+verb] = fmt.Sprintf(verb, &c)
		printed["secret "+verb] = fmt.Sprintf(verb, c.Cluster.Secret)
	}
	for how, text := range printed {
		for _, form := range []string{testSecret, hex.EncodeToString([]byte(testSecret))} {
			if strings.Contains(strings.ToLower(text), form) || strings.Contains(text, form[:12]) {
				t.Errorf("%s shows the secret: %s", how, text)
			}
		}
	}
	for _, how := range []string{"slog", "WriteYAML", "yaml", "json", "secret %v", "secret %#v", "flags"} {
		if !strings.Contains(printed[how], redacted) {
			t.Errorf("%s lacks the placeholder: %s", how, printed[how])
		}
	}
	if c.IPFS["AutoTLS"].(map[string]any)["RegistrationToken"] != testSecret {
		t.Error("printing changed the settings")
	}
}

func TestEmptySecretPrintsEmpty(t *testing.T) {
	if got := fmt.Sprintf("%v%s", Secret(""), Secret("")); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestSecretBytes(t *testing.T) {
	b, err := Secret(testSecret).Bytes()
	if err != nil || hex.EncodeToString(b) != testSecret {
		t.Errorf("got %x, %v", b, err)
	}
	for name, s := range map[string]Secret{"empty": "", "short": Secret(testSecret[:62]), "other letters": Secret("zz" + testSecret[2:])} {
		b, err := s.Bytes()
		if err == nil || b != nil {
			t.Errorf("%s: got %x, %v, want an error", name, b, err)
		} else if s != "" && strings.Contains(err.Error(), string(s)) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

// TestErrorsHideSecrets puts the secret where people put it by mistake.
func TestErrorsHideSecrets(t *testing.T) {
	bad := testSecret[:60]
	files := map[string]string{
		"too short":           "cluster: {secret: " + bad + "}",
		"no blank":            "cluster:\n  secret:" + bad,
		"no blank in braces":  "cluster: {secret:" + bad + "}",
		"as alias":            "cluster: {secret: *" + bad + "}",
		"as tag":              "cluster: {secret: !" + bad + " x}",
		"as key":              bad + ": x",
		"open quote":          "cluster: {secret: \"" + bad,
		"open single quote":   "cluster: {secret: '" + bad,
		"bad escape":          "cluster: {secret: \"\\q" + bad + "\"}",
		"list":                "cluster: {secret: [" + bad + "]}",
		"wrong setting":       "public_network: " + bad + "\nlog: {level: " + bad + "}\ngateway: {listen: " + bad + "}",
		"directive":           "%" + bad + "\n---\n",
		"kubo secret":         "ipfs: {API: {Authorizations: {me: {AuthSecret: [" + bad + "]}}}}",
		"kubo wrong setting":  "ipfs: {Swarm: " + bad + ", Ipns: {RepublishPeriod: " + bad + "}}",
		"kubo secret as flag": "ipfs: {Experimental: {ShardingEnabled: " + bad + "}}",
		"tag":                 "cluster: {tags: {a: b, a: " + bad + "}}",
	}
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			_, err := loadFile(t, content)
			mustHide(t, err, bad)
		})
	}
	t.Run("environment", func(t *testing.T) {
		_, err := Load(LoadOptions{Getenv: env(map[string]string{
			"UNDERLAY_CLUSTER_SECRET": bad, "UNDERLAY_IPFS": "{" + bad, "UNDERLAY_CLUSTER_TAGS": bad, "UNDERLAY_CLUSTER_HEARTBEAT": bad,
		})})
		mustHide(t, err, bad)
	})
	t.Run("flags", func(t *testing.T) {
		_, err := Load(LoadOptions{Getenv: env(nil), Flags: flags(t, "--cluster-secret", bad, "--ipfs", bad, "--cluster-pin-workers", bad)})
		mustHide(t, err, bad)
	})
}

func mustHide(t *testing.T, err error, secret string) {
	t.Helper()
	if err == nil {
		t.Fatal("accepted")
	}
	if strings.Contains(err.Error(), secret[:12]) {
		t.Errorf("the error shows the secret: %v", err)
	}
}

// The secret may come from a file; what is wrong with it is told without showing it.
func TestSecretFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	bad := strings.Repeat("5e", 31)
	for _, c := range []struct{ name, content, problem string }{
		{"right", string(testSecret) + "\n", ""},
		{"too short", bad, "must be 64 hexadecimal digits, has 62"},
		{"empty", "", "must be 64 hexadecimal digits, has 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Cluster{SecretFile: file}.ReadSecret()
			if c.problem == "" {
				if err != nil || got != testSecret {
					t.Errorf("got %d characters, %v", len(got), err)
				}
				return
			}
			if err == nil || got != "" || !strings.Contains(err.Error(), file+": "+c.problem) || strings.Contains(err.Error(), bad) {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := (Cluster{SecretFile: file + ".absent"}).ReadSecret(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	if got, err := (Cluster{Secret: testSecret}).ReadSecret(); err != nil || got != testSecret {
		t.Errorf("without the setting: %v", err)
	}
	var both Config
	both.Cluster = Cluster{Secret: testSecret, SecretFile: file}
	if err := both.check().err(); err == nil || !strings.Contains(err.Error(), "cluster.secret_file: excludes cluster.secret") {
		t.Errorf("with both: %v", err)
	}
}

package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/settings.md instead of comparing it")

// docs/settings.md is made from the settings table: go test ./config -run TestSettingsPage -update
func TestSettingsPage(t *testing.T) {
	const page = "../docs/settings.md"
	want := settingsPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the settings table says; run: go test ./config -run TestSettingsPage -update", page)
	}
}

func settingsPage() string {
	var b strings.Builder
	b.WriteString(`# Settings

Settings come from defaults, then a file in YAML (` + "`--config FILE` or `" + EnvFile + "`" + `; unknown keys are refused), then
the environment, then flags; later ones win. ` + "`underlay config`" + ` prints what is in effect, with secrets redacted. Durations
are written like ` + "`10s` or `1m30s`" + `; in the environment and in flags, lists are separated by commas and maps are written as
` + "`key=value,key=value`" + `.

A peer reads its settings again on SIGHUP. Those marked with * then take effect at once, the others when it is started again; see
[operations](operations.md#change-settings-of-a-running-peer).

Under ` + "`ipfs`" + ` any of kubo's own settings may be given by kubo's names, nested as in its configuration file; at every start they are
merged over our defaults and what was changed through the API (see [operations](operations.md)). In the environment it is a JSON
object, as a flag ` + "`--ipfs Pubsub.Enabled=true`" + `, which may be repeated. Refused are the identity and kubo's own API and gateway
addresses, which this program serves itself.

| setting | default | environment | flag | meaning |
|---|---|---|---|---|
`)
	for _, s := range Settings() {
		def := s.Default
		switch s.Path {
		case pathName:
			def = "the host name"
		case pathDataDir:
			def = "~/.underlay"
		}
		if def != "" {
			def = "`" + def + "`"
		}
		mark := ""
		if s.Live {
			mark = " *"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | `%s` | `--%s` | %s |\n", s.Path, mark, def, s.Env, s.Flag, s.Doc)
	}
	return b.String()
}

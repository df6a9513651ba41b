package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// cloudConfig takes user data apart into the two files that it writes.
func cloudConfig(t *testing.T, text string) (boot, install string) {
	t.Helper()
	if !strings.HasPrefix(text, "#cloud-config\n") {
		t.Fatalf("the user data is no cloud-config: %.40q", text)
	}
	var parsed struct {
		Files []struct {
			Path, Content, Permissions string
		} `yaml:"write_files"`
		Commands [][]string `yaml:"runcmd"`
	}
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Files) != 2 || parsed.Files[0].Path != "/etc/underlay/boot.env" || len(parsed.Commands) != 1 {
		t.Fatalf("the user data is %+v", parsed)
	}
	if f := parsed.Files[1]; f.Permissions != "0755" || len(parsed.Commands[0]) != 1 || parsed.Commands[0][0] != f.Path {
		t.Errorf("it writes %s with %s and runs %v", f.Path, f.Permissions, parsed.Commands)
	}
	return parsed.Files[0].Content, parsed.Files[1].Content
}

// checkCloudConfig lets cloud-init judge user data.
func checkCloudConfig(t *testing.T, text []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "user-data")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, tool(t, "cloud-init", "apt-get install cloud-init"), "schema", "--config-file", file); !strings.Contains(out, "Valid") {
		t.Errorf("cloud-init says %s", out)
	}
}

// The user data holds no secret, only where it is, and installs nothing whose checksum is not the given one.
func TestInstallChecksThePackage(t *testing.T) {
	boot, install := cloudConfig(t, readTemplate(t, "cluster.yaml").userData())
	if !strings.Contains(boot, "SECRET_PARAMETER=") {
		t.Errorf("boot.env is %s", boot)
	}
	dir := t.TempDir()
	f := newFakes(t, dir)
	f.add("apt-get", `echo "apt-get $*" >>"$LOG"`)
	f.add("curl", `while [ $# -gt 1 ]; do [ "$1" != -o ] || echo package >"$2"; shift; done`)
	env := filepath.Join(dir, "boot.env")
	install = strings.Replace(install, "/etc/underlay/boot.env", env, 1)
	install = strings.Replace(install, "/usr/lib/underlay/aws-boot", "aws-boot", 1)
	f.add("aws-boot", `echo "aws-boot" >>"$LOG"`)
	for _, c := range []struct {
		name, sum string
		installs  bool
	}{
		{"right", sha256Of("package\n"), true},
		{"wrong", sha256Of("another package\n"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := "PACKAGE_URL='https://example.org/underlay.deb'\nPACKAGE_SHA256='" + c.sum + "'\n"
			if err := os.WriteFile(env, []byte(settings), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := f.run(install)
			log := f.log()
			if installed := strings.Contains(log, "apt-get install"); installed != c.installs || (err == nil) != c.installs ||
				strings.Contains(log, "aws-boot") != c.installs {
				t.Errorf("%v, did %q\n%s", err, log, out)
			}
		})
	}
}

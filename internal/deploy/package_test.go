package deploy

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// builtPackage returns the package that `make package` has built, or skips.
func builtPackage(t *testing.T, kind string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "bin/underlay_*."+kind))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skip("there is no package: make package")
	}
	path, err := filepath.Abs(found[len(found)-1])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// contents are the files of the packages; settings are not replaced by an upgrade.
func contents() []string {
	return []string{
		"/etc/underlay/underlay.yaml", "/usr/bin/underlay", "/usr/lib/systemd/system/underlay-backup.service",
		"/usr/lib/systemd/system/underlay-backup.timer", "/usr/lib/systemd/system/underlay.service", "/usr/lib/underlay/aws-boot",
		"/usr/lib/underlay/backup", "/usr/share/doc/underlay/LICENSE-APACHE", "/usr/share/doc/underlay/LICENSE-MIT",
		"/usr/share/doc/underlay/operations.md", "/usr/share/doc/underlay/settings.md",
	}
}

func TestDebPackage(t *testing.T) {
	deb, dpkg := builtPackage(t, "deb"), tool(t, "dpkg-deb", "it comes with Debian")
	var files, programs []string
	for line := range strings.Lines(run(t, dpkg, "--contents", deb)) {
		f := strings.Fields(line)
		if name := strings.TrimPrefix(f[5], "."); !strings.HasSuffix(name, "/") {
			files = append(files, name)
			if f[1] != "root/root" {
				t.Errorf("%s belongs to %s", name, f[1])
			}
			if strings.HasPrefix(f[0], "-rwxr-xr-x") {
				programs = append(programs, name)
			}
		}
	}
	slices.Sort(files)
	if !slices.Equal(files, contents()) {
		t.Errorf("the package has\n%s", strings.Join(files, "\n"))
	}
	if want := []string{"/usr/bin/underlay", "/usr/lib/underlay/aws-boot", "/usr/lib/underlay/backup"}; !slices.Equal(programs, want) {
		t.Errorf("programs are %v", programs)
	}
	control := filepath.Join(t.TempDir(), "control")
	run(t, dpkg, "--control", deb, control)
	conffiles, err := os.ReadFile(filepath.Join(control, "conffiles"))
	if err != nil || strings.TrimSpace(string(conffiles)) != "/etc/underlay/underlay.yaml" {
		t.Errorf("conffiles are %q, %v", conffiles, err)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		if _, err := os.Stat(filepath.Join(control, script)); err != nil {
			t.Error(err)
		}
	}
}

// The program in the packages tells nothing of the machine that has built it.
func TestProgramHasNoBuildPaths(t *testing.T) {
	builtPackage(t, "deb")
	info, err := buildinfo.ReadFile(filepath.Join(root, "bin/underlay"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(info.Settings, debug.BuildSetting{Key: "-trimpath", Value: "true"}) {
		t.Errorf("it was built with %v", info.Settings)
	}
}

func TestRPMPackage(t *testing.T) {
	rpm := tool(t, "rpm", "apt-get install rpm")
	var files []string
	for name := range strings.Lines(run(t, rpm, "-qp", "--list", builtPackage(t, "rpm"))) {
		if name = strings.TrimSpace(name); name != "/etc/underlay" && name != "/var/lib/underlay" {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	if !slices.Equal(files, contents()) {
		t.Errorf("the package has\n%s", strings.Join(files, "\n"))
	}
}

// systemd finds nothing wrong with the units beside the programs that they start, as the package puts them.
func TestUnitsInPackage(t *testing.T) {
	deb, dpkg := builtPackage(t, "deb"), tool(t, "dpkg-deb", "it comes with Debian")
	analyze := tool(t, "systemd-analyze", "apt-get install systemd")
	dir := t.TempDir()
	run(t, dpkg, "--extract", deb, dir)
	units, err := filepath.Glob(filepath.Join(dir, "usr/lib/systemd/system/*"))
	if err != nil || len(units) != 3 {
		t.Fatalf("the units are %v, %v", units, err)
	}
	command := regexp.MustCompile(`(?m)^(ExecStart=)/`)
	for _, unit := range units {
		content, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		content = command.ReplaceAll(content, []byte("${1}"+dir+"/")) // where the package is, for now
		if err := os.WriteFile(unit, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out := run(t, analyze, append([]string{"verify", "--man=no"}, units...)...); strings.Contains(out, dir) {
		t.Errorf("systemd says %s", out)
	}
}

// The program in the package runs, and so do the settings that come with it.
func TestProgramInPackage(t *testing.T) {
	deb, dpkg := builtPackage(t, "deb"), tool(t, "dpkg-deb", "it comes with Debian")
	dir := t.TempDir()
	run(t, dpkg, "--extract", deb, dir)
	out := run(t, filepath.Join(dir, "usr/bin/underlay"), "config", "--config", filepath.Join(dir, "etc/underlay/underlay.yaml"))
	if !strings.Contains(out, "data_dir: /var/lib/underlay") {
		t.Errorf("its settings are\n%s", out)
	}
}

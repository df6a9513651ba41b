package itest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var updateTranscripts = flag.Bool("update", false, "write the transcripts in testdata/cli instead of comparing them")

// commandLine is a user of the command line who has nothing but the cluster on this machine.
type commandLine struct {
	t          testing.TB
	exe        string
	env        []string
	dir        string // where commands run
	transcript bytes.Buffer
}

// shell returns a user of the command line who finds the cluster by itself.
func (c *Cluster) shell() *commandLine {
	c.t.Helper()
	u := newUser(c.t)
	u.env = append(u.env, c.runtimeDir())
	return u
}

// newUser returns one for whom no peer runs here.
func newUser(t testing.TB) *commandLine {
	t.Helper()
	home := t.TempDir()
	return &commandLine{t: t, exe: Underlay(t), dir: t.TempDir(), env: []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm"}}
}

// output is what a command has printed, and its exit code.
type output struct {
	stdout, stderr string
	code           int
}

// run executes a command with something on its standard input.
func (u *commandLine) run(input string, args ...string) output {
	u.t.Helper()
	cmd := exec.Command(u.exe, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = u.env, u.dir, strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		u.t.Fatal(err)
	}
	out := output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	if strings.Contains(out.stdout+out.stderr, "\x1b") {
		u.t.Errorf("underlay %v sends escape codes to what is no terminal: %q %q", args, out.stdout, out.stderr)
	}
	return out
}

// must is run for a command that succeeds; it returns what that prints.
func (u *commandLine) must(args ...string) string {
	u.t.Helper()
	out := u.run("", args...)
	if out.code != 0 {
		u.t.Fatalf("underlay %v: exit code %d: %s%s", args, out.code, out.stdout, out.stderr)
	}
	return out.stdout
}

// say runs a command and notes in the transcript what it prints.
func (u *commandLine) say(args ...string) { u.t.Helper(); u.sayTo("", args...) }

// sayTo is say with something on the standard input.
func (u *commandLine) sayTo(input string, args ...string) {
	u.t.Helper()
	out := u.run(input, args...)
	fmt.Fprintf(&u.transcript, "$ underlay %s\n%s", strings.Join(args, " "), out.stdout)
	for line := range strings.Lines(out.stderr) {
		u.transcript.WriteString("! " + line)
	}
	if out.code != 0 {
		fmt.Fprintf(&u.transcript, "exit code %d\n", out.code)
	}
	u.transcript.WriteByte('\n')
}

// masks hide what changes from run to run.
func (u *commandLine) masks() []struct{ pattern, with string } {
	return []struct{ pattern, with string }{
		{`  +`, "  "}, // the columns
		{regexp.QuoteMeta(u.dir), "DIR"},
		{`12D3Koo\w{45}`, "PEER"},
		{`"version":"[^"]+"`, `"version":"VERSION"`},
		{`127\.0\.0\.1[:/](tcp/|udp/)?\d+`, "ADDRESS"},
		{`\d{4}-\d\d-\d\d[T ][\d:.]+Z?`, "TIME"},
		{`\b(\d+[smhd]) ago`, "AGE"},
		{`[\d.]+ ([KMGT]i)?B`, "SIZE"},
		{`("(?:repo_size|storage_max|term|applied|behind|last_index|last_contact_ms|weight|index)":)-?\d+`, "${1}N"},
		{`("id":)"\d+(-\d+)?"`, `${1}"N"`},
		{`, term \d+`, ", TERM"},
		{`entry \d+, the log ends at \d+`, "ENTRIES"},
		{`heard \d+ ms ago`, "heard AGE"},
		{`Leader  (this peer|PEER, heard AGE|peer\d \(term \d+\))`, "Leader  WHO"},
		{`Role  \w+, TERM`, "Role  ROLE"},
		{`"state":"\w+"`, `"state":"STATE"`},
		{`"leader":(true|false)`, `"leader":BOOL`},
		{`  (leader|follower|member)  `, "  ROLE  "},
		{`"peer_map":\{.*?\}\}`, `"peer_map":{...}`}, // in the order of the IDs
		{`pin_queued|pinning`, "ON THE WAY"},
	}
}

// compare checks the transcript against the file of a name.
func (u *commandLine) compare(name string) {
	u.t.Helper()
	got := u.transcript.String()
	for _, m := range u.masks() {
		got = regexp.MustCompile(m.pattern).ReplaceAllString(got, m.with)
	}
	file := filepath.Join("testdata", "cli", name+".txt")
	if *updateTranscripts {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			u.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		u.t.Fatal(err)
	}
	if got != string(want) {
		u.t.Errorf("%s differs; if it should: go test ./internal/itest -run %s -update\n%s", file, u.t.Name(), difference(string(want), got))
	}
}

// difference shows the lines that only one of two texts has.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var text strings.Builder
	for _, line := range a {
		if !slices.Contains(b, line) {
			text.WriteString("- " + line + "\n")
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			text.WriteString("+ " + line + "\n")
		}
	}
	return text.String()
}

// files makes a tree to be added.
func (u *commandLine) files() {
	u.t.Helper()
	for path, content := range map[string]string{"site/index.html": "<h1>hello</h1>\n", "site/img/dot": "dot\n", "site/.hidden": "hidden\n", "note": "a note\n"} {
		path = filepath.Join(u.dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			u.t.Fatal(err)
		}
	}
}

const (
	// idCID holds its block, "inlined", in itself, so that every peer has it.
	idCID = "bafkqab3jnzwgs3tfmq"
	// nobodysCID is of a block that nobody has.
	nobodysCID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
)

// A person adds, pins, looks and unpins, on a cluster that the command line finds by itself.
func TestCommandLinePins(t *testing.T) {
	c := Start(t)
	u := c.shell()
	u.files()
	u.say("add", "site")
	u.say("add", "--recursive", "--name=website", "--wait", "site")
	u.say("add", "-r", "-H", "--cid-version=1", "--wrap", "--no-pin", "site", "note")
	u.sayTo("from a pipe\n", "add", "-q", "--wait", "-")
	u.say("add", "--json", "--wait", "--on=peer1,peer2", "--meta=owner=ann", "--name=note", "note")
	u.say("pin", "add", "--wait", "--name=inlined", "--expire-in=1000h", idCID)
	u.say("pin", "add", "--wait", "--timeout=500ms", "--on=peer2", nobodysCID)
	u.say("pin", "rm", "--wait", "--timeout=30s", nobodysCID)
	u.say("pin", "ls")
	u.say("pin", "ls", "-q", "--prefix=web")
	u.say("pin", "ls", "--meta=owner=ann")
	u.say("pin", "ls", "--json", idCID)
	u.say("pin", "ls", "--status=pinned", "--prefix=web")
	u.say("pin", "recover", "--wait", idCID)
	u.say("pin", "recover", "--all", "--wait")
	site := strings.TrimSpace(u.must("pin", "ls", "-q", "--prefix=web"))
	u.say("status", site)
	u.say("status", "-q", site)
	u.say("pin", "update", "--unpin", "--wait", site, idCID)
	u.say("pin", "rm", site)
	u.say("pin", "rm", "--json", idCID)
	u.sayTo(idCID+"\nnonsense\n\n"+site+"\n", "pin", "add", "--name=many", "-")
	u.sayTo(u.must("pin", "ls", "-q", "--prefix=many"), "pin", "rm", "--json", "-")
	u.compare("pins")
}

// A person looks at a cluster and changes its members.
func TestCommandLineCluster(t *testing.T) {
	c := Start(t)
	u := c.shell()
	u.files()
	u.must("add", "-r", "--wait", "site")
	Eventually(t, 30*time.Second, func() error { // the answer has all of it when every peer has applied the pin
		return contains(u.must("status"), "1 held")
	})
	for _, args := range [][]string{
		{"status"}, {"status", "--json"}, {"status", "-q"}, {"peers", "ls"}, {"peers", "ls", "-q"}, {"id"}, {"id", "-q"}, {"id", "--json"},
		{"health"}, {"health", "--json"}, {"gc"}, {"gc", "--json", "--local"}, {"backup", "pins"}, {"restore", "pins"},
		{"restore", "--force", "--json", "pins"}, {"import", "pins"}, {"peers", "rm", "nobody"},
	} {
		u.say(args...)
	}
	u.compare("cluster")

	removed := c.Peers[2]
	u.must("peers", "rm", removed.Name)
	c.AwaitEnd(removed)
	if got := u.must("peers", "ls"); strings.Contains(got, removed.ID) {
		t.Errorf("still a member: %s", got)
	}
	if got := u.must("peers", "add", removed.ID); !strings.Contains(got, "may join") {
		t.Errorf("peers add: %s", got)
	}
	c.Restart(removed)
	c.AwaitReady(removed)
}

package itest

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func localAddr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
func localURL(port int) string  { return "http://" + localAddr(port) }

// Each shell loads its completion script, and completes commands, flags, and the names of peers that a cluster has.
func TestCommandLineCompletion(t *testing.T) {
	c := Start(t)
	u := c.shell()
	bin := t.TempDir()
	if err := os.Symlink(u.exe, filepath.Join(bin, "underlay")); err != nil {
		t.Fatal(err)
	}
	for i, v := range u.env {
		if strings.HasPrefix(v, "PATH=") {
			u.env[i] = "PATH=" + bin + ":" + os.Getenv("PATH")
		}
	}
	// The bash script wants a helper of the package bash-completion, of which this is the part that it uses.
	const bash = `_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
__ltrim_colon_completions() { :; }
source <(underlay completion bash) || exit 1
complete_line() { COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); __start_underlay; printf '%s\n' "${COMPREPLY[@]}"; }
complete_line underlay pin u; complete_line underlay peers rm pee; complete_line underlay add --repl`
	const zsh = `autoload -Uz compinit && compinit -u -D && source <(underlay completion zsh) || exit 1
print -l ${_comps[underlay]}; underlay __complete pin u; underlay __complete peers rm pee; underlay __complete add --repl`
	const fish = `underlay completion fish | source; or exit 1
complete -C 'underlay pin u'; complete -C 'underlay peers rm pee'; complete -C 'underlay add --repl'`
	for shell, script := range map[string]string{"bash": bash, "zsh": zsh, "fish": fish} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("%s is not installed", shell)
			}
			cmd := exec.Command(path, "-c", script)
			cmd.Env, cmd.Dir = u.env, u.dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, want := range []string{"update", "peer1", "peer2", "peer3", "--replication-min"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("%s does not complete %s: %s", shell, want, out)
				}
			}
			if strings.Contains(string(out), "--recursive") {
				t.Errorf("%s completes what does not fit: %s", shell, out)
			}
		})
	}
	if got := u.must("__complete", "pin", "add", "--on", "peer1,pe"); !strings.Contains(got, "peer1,peer2") {
		t.Errorf("behind a comma: %s", got)
	}
	cid := strings.TrimSpace(u.must("pin", "add", "-q", "--name=the name", idCID))
	for _, command := range [][]string{{"status"}, {"pin", "rm"}, {"pin", "recover"}} {
		if got := u.must(append(append([]string{"__complete"}, command...), "baf")...); !strings.Contains(got, cid+"\tthe name") {
			t.Errorf("%v: %s", command, got)
		}
	}
}

// At a terminal a person sees how far an add and a wait are; what is printed in the end is the same.
func TestCommandLineAtATerminal(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("script, which makes a terminal, is not installed")
	}
	c := Start(t)
	u := c.shell()
	file := filepath.Join(u.dir, "large")
	if err := os.WriteFile(file, make([]byte, 30<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	at := func(term, command string) string {
		t.Helper()
		cmd := exec.Command(script, "-qec", u.exe+" "+command, "/dev/null")
		cmd.Env, cmd.Dir = append(u.env, "TERM="+term), u.dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		return string(out)
	}
	seen := at("xterm", "add --wait large")
	for _, want := range []string{"adding  [", "100%", "30.0 MiB of 30.0 MiB", "\x1b[K", "added Qm"} {
		if !strings.Contains(seen, want) {
			t.Errorf("no %q in %q", want, seen)
		}
	}
	if end := seen[strings.LastIndex(seen, "\x1b[K"):]; strings.Contains(end, "[=") {
		t.Errorf("the bar is left behind: %q", end)
	}
	for _, quiet := range []string{at("xterm", "add --wait -q large"), at("xterm", "add --json large"), at("dumb", "add large")} {
		if strings.Contains(quiet, "\x1b") {
			t.Errorf("a bar where none is wanted: %q", quiet)
		}
	}
}

// Events come while they happen, and another peer goes on behind one of them.
func TestCommandLineEvents(t *testing.T) {
	c := Start(t)
	u := c.shell()
	cmd := exec.Command(u.exe, "events", "--json", "--type=pinned,unpinned", "--count=2", "--timeout=1m")
	cmd.Env, cmd.Dir = u.env, u.dir
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type event struct{ ID, Type, Cid, Name string }
	lines := json.NewDecoder(pipe)
	next := func() (e event) {
		t.Helper()
		if err := lines.Decode(&e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := next(); e.Type != "start" || e.ID == "" {
		t.Errorf("the first line is %+v", e)
	}
	u.must("pin", "add", "--name=seen", idCID)
	first := next()
	if first.Type != "pinned" || first.Cid != idCID || first.Name != "seen" {
		t.Errorf("after a pin came %+v", first)
	}
	u.must("pin", "rm", idCID)
	if e := next(); e.Type != "unpinned" || e.Cid != idCID {
		t.Errorf("after an unpin came %+v", e)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after the last event that was wanted: %v", err)
	}

	again := u.must("events", "-q", "--since", first.ID, "--count=1", "--type=pinned,unpinned", "--api", c.Peers[2].API)
	if again != idCID+"\n" {
		t.Errorf("behind the first event another peer tells %q", again)
	}
	began := time.Now()
	if out := u.run("", "events", "--timeout=300ms"); out.code != 0 || time.Since(began) > 20*time.Second {
		t.Errorf("with a limit: %+v", out)
	}
}

package restdiff

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/apidiff"
	"github.com/underlay/underlay/internal/itest"
)

// command is an action: ipfs-cluster-ctl with arguments.
type command struct {
	program, encoding string
	name              string // of the command, for example pin add
	args              []string
}

// ctl runs a command of ipfs-cluster-ctl, which is named as in its help, with arguments that may hold variables.
func (s suite) ctl(name string, args ...string) step {
	label := strings.ReplaceAll(strings.TrimSpace(name+" "+strings.Join(args, " ")), s.dir+"/", "")
	return step{label: label, action: command{s.ctlProgram, "text", name, args}}
}

// inJSON runs a command with output for programs.
func (s suite) inJSON(name string, args ...string) step {
	structured := s.ctl(name, args...)
	c := structured.action.(command)
	c.encoding = "json"
	structured.action, structured.label = c, structured.label+" in JSON"
	return structured
}

// both runs a command twice, with output for people and for programs.
func (s suite) both(name string, args ...string) group {
	return group{s.ctl(name, args...), s.inJSON(name, args...)}
}

func (c command) uses() []string {
	used := []string{"ctl " + c.name}
	for _, arg := range c.args {
		if option, ok := strings.CutPrefix(arg, "--"); ok {
			option, _, _ = strings.Cut(option, "=")
			used = append(used, "ctl "+c.name+" --"+option)
		}
	}
	return used
}

// do runs the program. The fields of the answer are "exit", "stderr" and "body", in which JSON values have become a list.
func (c command) do(ctx context.Context, t *target, vars variables) (apidiff.Answer, error) {
	args := append([]string{"--host", itest.Multiaddr(t.rest), "--encoding", c.encoding}, strings.Fields(c.name)...)
	for _, arg := range c.args {
		args = append(args, vars.fill(arg))
	}
	cmd := exec.CommandContext(ctx, c.program, args...)
	var out, faults strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &faults
	err := cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return nil, fmt.Errorf("run %s %s: %w", c.program, c.name, err)
	}
	a := apidiff.Answer{"exit": fmt.Sprint(cmd.ProcessState.ExitCode()), "stderr": faults.String(), apidiff.Body: out.String()}
	if c.encoding == "json" {
		if values, ok := decodeAll([]byte(out.String())); ok {
			a[apidiff.Body] = render(values)
		}
	}
	return a, nil
}

// suite has what cases need that is not known before the tests run.
type suite struct {
	ctlProgram string
	dir        string // with files to add
}

func newSuite(t *testing.T) suite {
	t.Helper()
	return suite{itest.ClusterCtl(t), contentDir(t)}
}

package itest

import (
	"strings"
	"testing"
)

// The first token closes the cluster to those who have none; each opens what its scope says, until it is revoked. It is shown
// once, and taken from the environment or a flag.
func TestCommandLineTokens(t *testing.T) {
	c := Start(t)
	u := c.shell()
	if out := u.run("", "token", "self"); strings.Contains(out.stderr, "does not have this") {
		t.Skip("the peers know no credentials")
	}
	open := append([]string(nil), u.env...)
	admin := strings.TrimSpace(u.must("token", "create", "-q", "--scope=admin", "me"))
	if out := u.run("", "pin", "ls"); out.code != 5 || !strings.Contains(out.stderr, "UNDERLAY_TOKEN") {
		t.Errorf("without a credential: %+v", out)
	}
	u.env = append(u.env, "UNDERLAY_TOKEN="+admin)
	reader := strings.TrimSpace(u.must("token", "create", "-q", "--scope=read", "--expire-in=1h", "reader"))
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{"status"}, 0}, {[]string{"pin", "ls"}, 0}, {[]string{"pin", "add", idCID}, 5}, {[]string{"gc"}, 5}, {[]string{"token", "ls"}, 5},
	} {
		if out := u.run("", append([]string{"--token", reader}, test.args...)...); out.code != test.code {
			t.Errorf("a reader's %v: %+v", test.args, out)
		}
	}
	if out := u.run("", "--auth", "anybody:"+reader, "token", "self"); out.code != 0 || !strings.Contains(out.stdout, "reader: read, expires in") {
		t.Errorf("as a password: %+v", out)
	}
	list := u.must("token", "ls")
	if strings.Contains(list, admin) || strings.Contains(list, reader) || !strings.Contains(list, "reader  read") {
		t.Errorf("token ls: %s", list)
	}
	var id string
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); fields[1] == "reader" {
			id = fields[0]
		}
	}
	u.must("token", "rm", id)
	if out := u.run("", "--token", reader, "--api", c.Peers[2].API, "id"); out.code != 5 {
		t.Errorf("after it was revoked: %+v", out)
	}
	if out := u.run("", "token", "rm", id); out.code != 3 {
		t.Errorf("revoked twice: %+v", out)
	}
	// The last one opens the cluster again, as the checks at the end need it.
	u.must("token", "rm", "--force", strings.Fields(strings.Split(list, "\n")[1])[0])
	u.env = open
	u.must("status")
}

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

// Users and tokens have quotas, which the command line sets, shows and changes; what is over one fails with the reason.
func TestCommandLineUsers(t *testing.T) {
	c := Start(t)
	u := c.shell()
	open := append([]string(nil), u.env...)
	for _, args := range [][]string{{"ann", "--scope=admin"}, {"bob", "--scope=add,pin", "--max-pins=1", "--max-bytes=1KiB"}} {
		if out := u.run("correct horse\n", append([]string{"user", "add"}, args...)...); out.code != 0 || out.stdout != "added "+args[0]+"\n" {
			t.Fatalf("user add %v: %+v", args, out)
		}
		u.env = append(open, "UNDERLAY_AUTH=ann:correct horse")
	}
	bob := newUser(t)
	bob.env = append(bob.env, "UNDERLAY_API="+c.Peers[2].API, "UNDERLAY_AUTH=bob:correct horse")
	bob.must("pin", "add", InlineCid("one"))
	if out := bob.run("two", "add", "-"); out.code != 1 || !strings.Contains(out.stderr, "user bob may keep 1 pins (max_pins) and keeps 1") {
		t.Errorf("a second pin: %+v", out)
	}
	if list := u.must("user", "ls"); !strings.Contains(list, "1 of 1") || !strings.Contains(list, "of 1.0 KiB") {
		t.Errorf("user ls: %s", list)
	}
	u.must("user", "update", "--max-pins=none", "bob")
	if out := bob.run(strings.Repeat("two", 1000), "add", "-"); out.code != 1 || !strings.Contains(out.stderr, "max_bytes") {
		t.Errorf("too large: %+v", out)
	}
	if out := bob.run("two", "add", "-q", "-"); out.code != 0 {
		t.Errorf("in room: %+v", out)
	}
	if self := bob.must("token", "self"); !strings.HasPrefix(self, "user bob: pin,add, expires never\nkeeps pins: 2, bytes: ") {
		t.Errorf("token self: %s", self)
	}
	if got := u.must("__complete", "user", "rm", ""); !strings.Contains(got, "ann") || !strings.Contains(got, "bob") {
		t.Errorf("completion: %s", got)
	}
	if out := u.run("another horse\n", "user", "passwd", "bob"); out.code != 0 {
		t.Errorf("passwd: %+v", out)
	}
	if out := bob.run("", "pin", "ls"); out.code != 5 {
		t.Errorf("with the old password: %+v", out)
	}
	u.must("user", "rm", "bob")
	if list := u.must("pin", "ls", "-q"); len(strings.Fields(list)) != 2 {
		t.Errorf("what a removed user has pinned stays: %s", list)
	}
	u.must("user", "rm", "--force", "ann")
	u.env = open
	u.must("status")
}

package rpcdiff

import (
	"maps"
	"slices"
	"strings"
	"testing"

	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/ipfs/kubo/core/commands"
)

// uncovered are the commands, and the options written command --option, that no case uses, and why.
func uncovered() map[string]string {
	return map[string]string{}
}

// changed are the commands that a cluster changes: every option of them is used by some case.
func changed() []string {
	return []string{"add", "block", "dag", "files", "key", "name", "pin", "refs", "repo"}
}

// Every command of the RPC API is in some case, and so is every option of those that a cluster changes.
func TestEveryCommandIsCovered(t *testing.T) {
	used := make(map[string]bool)
	for _, c := range cases() {
		for _, s := range c.steps {
			used[s.command] = true
			for _, p := range s.params {
				name, _, _ := strings.Cut(p, "=")
				used[s.command+" --"+name] = true
			}
		}
	}
	missing := uncovered()
	all := demanded(commands.Root, "")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		spellings := all[name]
		covered := slices.ContainsFunc(spellings, func(s string) bool { return used[s] })
		why, excused := missing[name]
		switch {
		case covered && excused:
			t.Errorf("%s is covered, remove it from the exceptions (%s)", name, why)
		case !covered && !excused:
			t.Errorf("no case uses %s", name)
		}
		delete(missing, name)
	}
	for name := range missing {
		t.Errorf("kubo knows no %s, remove it from the exceptions", name)
	}
}

// demanded lists what the cases have to use of a command and all below it: names, each with its spellings.
func demanded(c *cmds.Command, path string) map[string][]string {
	all := make(map[string][]string)
	if path != "" && c.Run != nil {
		all[path] = []string{path}
		family, _, _ := strings.Cut(path, "/")
		for _, option := range c.Options {
			if !slices.Contains(changed(), family) {
				break
			}
			var spellings []string
			for _, name := range option.Names() {
				spellings = append(spellings, path+" --"+name)
			}
			all[spellings[0]] = spellings
		}
	}
	for name, below := range c.Subcommands {
		maps.Copy(all, demanded(below, strings.TrimPrefix(path+"/"+name, "/")))
	}
	return all
}

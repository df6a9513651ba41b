package ipfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestInitRepo(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(dir string) error // what is there already
	}{
		{"nothing there", func(string) error { return nil }},
		{"an empty directory of the user's", func(dir string) error { return os.Mkdir(dir, 0o700) }},
		{"a disk mounted there", func(dir string) error { return os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700) }},
		{"a first start that was cut off", func(dir string) error {
			return errors.Join(os.Mkdir(dir+".new", 0o700), os.WriteFile(dir+".new/config", nil, 0o600))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ipfs")
			if err := test.before(dir); err != nil {
				t.Fatal(err)
			}
			first := openNode(t, dir)
			closeNode(t, first)
			if again := openNode(t, dir); again.Identity != first.Identity {
				t.Errorf("identity is %s, was %s", again.Identity, first.Identity)
			}
			if _, err := os.Stat(dir + ".new"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the draft is left behind: %v", err)
			}
		})
	}
}

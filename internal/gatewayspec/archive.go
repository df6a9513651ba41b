package gatewayspec

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
)

// archive wants a TAR with at least these files; a symbolic link is "-> " and where it leads.
func archive(want map[string]string) expect {
	return func(a *answer) error {
		got := make(map[string]string)
		r := tar.NewReader(bytes.NewReader(a.body))
		for {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("read the archive: %w", err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				return fmt.Errorf("read %s: %w", h.Name, err)
			}
			if got[h.Name] = string(content); h.Typeflag == tar.TypeSymlink {
				got[h.Name] = "-> " + h.Linkname
			}
		}
		for name, content := range want {
			if have, ok := got[name]; !ok || have != content {
				return fmt.Errorf("%s is %.40q in an archive of %d files", name, have, len(got))
			}
		}
		return nil
	}
}

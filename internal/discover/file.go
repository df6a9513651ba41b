package discover

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// file is a text file with an address a line; lines that begin with # say nothing. It is read each time, so that somebody
// else may write it.
type file struct{ path string }

func newFile(path string) (Source, error) {
	if !filepath.IsAbs(path) {
		return nil, errors.New("must be file:PATH with an absolute path")
	}
	return file{path}, nil
}

// Addrs implements Source. A file that is not there yet names nobody; one that is not right in a line names the others.
func (f file) Addrs(context.Context) ([]string, error) {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var addrs []string
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, _, splitErr := net.SplitHostPort(line); splitErr != nil {
			err = errors.Join(err, splitErr)
			continue
		}
		addrs = append(addrs, line)
	}
	return addrs, err
}

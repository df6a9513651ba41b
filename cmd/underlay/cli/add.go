package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/files"
	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/human"
)

// addOptions are the flags of add.
type addOptions struct {
	pin                                             *pinOptions
	recursive, hidden, wrap, local, noPin, rawLeafs bool
	wait                                            bool
	chunker, hash, layout, format, stdinName        string
	cidVersion                                      int
}

func addCommand(g *globals) *cobra.Command {
	var o addOptions
	cmd := &cobra.Command{
		Use:   "add PATH...",
		Short: "Add files and directories, and pin them on the cluster",
		Long: "Add files and directories, and pin them on the cluster. It is answered when the pins are committed and the blocks are\n" +
			"where they are allocated; --wait waits until every peer that shall hold them says so. Given -, it adds standard input.",
		Example: "  underlay add --cid-version=1 picture.jpg\n" +
			"  underlay add --recursive --name=website --replication=2 --wait public/\n" +
			"  tar c directory | underlay add -q -",
		Args: cobra.MinimumNArgs(1),
	}
	o.pin = pinFlags(g, cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "add directories with all that is in them")
	flags.BoolVarP(&o.hidden, "hidden", "H", false, "also what begins with a dot, in directories")
	flags.BoolVarP(&o.wrap, "wrap", "w", false, "put everything into one directory, so that names are kept")
	flags.BoolVar(&o.wait, "wait", false, waitHelp)
	flags.BoolVar(&o.local, "local", false, "put the blocks on the peer that answers; the others fetch them afterwards")
	flags.BoolVar(&o.noPin, "no-pin", false, "store only")
	flags.StringVarP(&o.chunker, "chunker", "s", "", "`how` files are cut: size-262144, rabin-min-avg-max or buzhash")
	flags.IntVar(&o.cidVersion, "cid-version", 0, "`version` of the CIDs, 0 or 1; 1 stores raw leaves")
	flags.BoolVar(&o.rawLeafs, "raw-leaves", false, "store the content of files in raw blocks")
	flags.StringVar(&o.hash, "hash", "", "hash `function`; others than sha2-256 need CID version 1")
	flags.StringVar(&o.layout, "layout", "", "`form` of the DAG of a file: balanced or trickle")
	flags.StringVar(&o.format, "format", "", "what the files are: unixfs, or car for `archives` whose blocks are added as they are")
	flags.StringVar(&o.stdinName, "stdin-name", "", "`name` of what comes from standard input, for --wrap")
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		return o.add(ctx, s, args)
	})
}

func (o *addOptions) add(ctx context.Context, s *session, args []string) error {
	content, total, err := o.open(args, s.in)
	if err != nil {
		return err
	}
	query, err := o.query(ctx, s)
	if err != nil {
		return err
	}
	defer content.Close()
	meter := &meter{bar: s.bar, total: total, began: time.Now()}
	var roots []string
	err = s.api.Add(ctx, content, query, meter.sent, func(added api.AddedOutput) error {
		if !added.Cid.Defined() {
			return nil // how far a file is
		}
		root := o.isRoot(added.Name)
		if root {
			roots = append(roots, added.Cid.String())
		}
		return s.added(added, root)
	})
	if err != nil {
		return fmt.Errorf("add: %w", err)
	}
	s.bar.hide()
	if !o.wait || o.noPin {
		return nil
	}
	return awaitHolders(ctx, s, roots)
}

// isRoot tells whether what is called by a name is pinned: of directories the top, and all of it if that is wrapped.
func (o *addOptions) isRoot(name string) bool {
	if o.wrap {
		return name == ""
	}
	return !strings.Contains(name, "/")
}

func (s *session) added(added api.AddedOutput, root bool) error {
	switch {
	case s.json:
		return s.object(added)
	case s.quiet && root:
		s.printf("%s", added.Cid)
	case !s.quiet:
		s.printf("%s", strings.TrimSpace("added "+added.Cid.String()+" "+printable(added.Name)))
	}
	return nil
}

func (o *addOptions) query(ctx context.Context, s *session) (url.Values, error) {
	if o.wait && o.noPin {
		return nil, usagef("--wait waits for a pin, and --no-pin makes none")
	}
	query, err := o.pin.query(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, flag := range []struct {
		name string
		on   bool
	}{
		{"recursive", o.recursive}, {"hidden", o.hidden}, {"wrap-with-directory", o.wrap}, {"local", o.local},
		{"no-pin", o.noPin}, {"raw-leaves", o.rawLeafs},
	} {
		if flag.on {
			query.Set(flag.name, "true")
		}
	}
	for _, option := range []struct{ name, value string }{
		{"chunker", o.chunker}, {"hash", o.hash}, {"layout", o.layout}, {"format", o.format},
	} {
		if option.value != "" {
			query.Set(option.name, option.value)
		}
	}
	version := o.cidVersion
	if o.hash != "" && o.hash != "sha2-256" {
		version = 1
	}
	query.Set("cid-version", strconv.Itoa(version))
	return query, nil
}

// open opens what the user names, and tells how large the files are; 0 if that is unknown.
func (o *addOptions) open(args []string, stdin io.Reader) (content files.Directory, total uint64, err error) {
	var entries []files.DirEntry
	defer func() {
		if err != nil {
			for _, e := range entries {
				e.Node().Close()
			}
		}
	}()
	unknown := false
	for _, path := range args {
		if path == "-" {
			entries, unknown = append(entries, files.FileEntry(o.stdinName, files.NewReaderFile(stdin))), true
			continue
		}
		entry, bytes, err := o.openPath(path)
		if err != nil {
			return nil, 0, UsageError{err}
		}
		entries, total = append(entries, entry), total+bytes
	}
	if unknown {
		total = 0
	}
	return files.NewSliceDirectory(entries), total, nil
}

func (o *addOptions) openPath(path string) (files.DirEntry, uint64, error) {
	path, err := filepath.Abs(path) // "." has a name, too
	if err != nil {
		return nil, 0, fmt.Errorf("add %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, fmt.Errorf("add: %w", err)
	}
	switch {
	case info.IsDir() && !o.recursive:
		return nil, 0, fmt.Errorf("add: %s is a directory; give --recursive (-r) to add what is in it", path)
	case !info.IsDir() && !info.Mode().IsRegular():
		file, err := os.Open(path) // a pipe or device is read to its end
		if err != nil {
			return nil, 0, fmt.Errorf("add: %w", err)
		}
		return files.FileEntry(filepath.Base(path), files.NewReaderFile(file)), 0, nil
	}
	bytes, err := o.measure(path)
	if err != nil {
		return nil, 0, fmt.Errorf("add: %w", err)
	}
	node, err := files.NewSerialFile(path, o.hidden, info)
	if err != nil {
		return nil, 0, fmt.Errorf("add %s: %w", path, err)
	}
	return files.FileEntry(filepath.Base(path), node), bytes, nil
}

// measure sums up the sizes of the files below a path that are added.
func (o *addOptions) measure(path string) (total uint64, err error) {
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if at != path && !o.hidden && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			total += uint64(info.Size())
		}
		return nil
	})
	return total, err
}

// meter shows how much of an upload is sent.
type meter struct {
	bar   *progress
	total uint64
	began time.Time
	done  atomic.Uint64
}

func (m *meter) sent(n int) {
	done := m.done.Add(uint64(n))
	text := human.Size(done)
	if m.total > 0 {
		done = min(done, m.total) // the form around the files counts too
		text = human.Size(done) + " of " + human.Size(m.total)
	}
	if elapsed := time.Since(m.began); elapsed > time.Second {
		text += ", " + human.Size(uint64(float64(done)/elapsed.Seconds())) + "/s"
	}
	m.bar.show("adding", done, m.total, text)
}

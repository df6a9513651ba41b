package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/backup"
	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
)

func backupCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "backup FILE",
		Short: "Save the cluster's pinset, keys and settings to a file",
		Long: "Save the cluster's pinset, and its keys, names and settings, to a file, or to standard output if FILE is -. The peer that is\n" +
			"asked need not be the leader; the file holds what was acknowledged anywhere before. What is secret in it can be opened with\n" +
			"the cluster's secret only. Blocks are not in it.",
		Args: cobra.ExactArgs(1),
	}, saveBackup)
}

func restoreCommand(g *globals) *cobra.Command {
	var how client.RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Restore the pinset, keys and settings of a new cluster from a backup",
		Long: "Restore the pinset of a new cluster, and its keys, names and settings, from a backup. A cluster that has some is left alone\n" +
			"unless --force is given; then all it has is replaced by the backup's. The whole file is checked before anything is changed.",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&how.Force, "force", false, "replace what the cluster has")
	cmd.Flags().BoolVar(&how.PinsOnly, "pins-only", false, "leave keys, names and settings as they are")
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		return sendBackup(ctx, s, args[0], how, false)
	})
}

func importCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "import FILE",
		Short: "Add the pins that \"ipfs-cluster-service state export\" saved",
		Long: "Add the pins that \"ipfs-cluster-service state export\" saved. Pins that the cluster has already are kept; those that are\n" +
			"in both take the file's options.",
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, s *session, args []string) error {
		return sendBackup(ctx, s, args[0], client.RestoreOptions{}, true)
	})
}

// errRefused says that the peer has changed nothing.
var errRefused = errors.New("nothing was changed")

// saved is what backup prints for machines.
type saved struct {
	File string `json:"file"`
	Pins int    `json:"pins"`
}

// saveBackup writes the file under a temporary name first: a backup that fails does not replace an older one.
func saveBackup(ctx context.Context, s *session, args []string) (err error) {
	path := args[0]
	pins, err := s.api.Backup(ctx)
	if err != nil {
		return err
	}
	defer pins.Close()
	if path == "-" {
		_, err := copyBackup(s.out, pins)
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".underlay-backup-")
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	defer os.Remove(tmp.Name()) // fails harmlessly once renamed
	summary, err := copyBackup(tmp, pins)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if s.json {
		return s.object(saved{File: path, Pins: summary.Pins})
	}
	if !s.quiet {
		s.printf("saved %s to %s", human.Plural(summary.Pins, "pin"), path)
	}
	return nil
}

// copyBackup checks what it copies: an answer that was cut off is not taken for a backup.
func copyBackup(w io.Writer, r io.Reader) (backup.Summary, error) {
	summary, err := backup.Read(io.TeeReader(r, w), backup.Visitor{})
	if err != nil {
		return summary, fmt.Errorf("receive backup: %w", err)
	}
	return summary, nil
}

// sendBackup restores a backup, or imports a stock export: a file of the other kind is refused, because one replaces and
// the other adds.
func sendBackup(ctx context.Context, s *session, path string, how client.RestoreOptions, stock bool) error {
	file, err := os.Open(path)
	if err != nil {
		return UsageError{err}
	}
	defer file.Close()
	summary, err := backup.Read(file, backup.Visitor{})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case stock && !summary.Stock:
		return usagef("%s is a backup of this program; use \"underlay restore\"", path)
	case !stock && summary.Stock:
		return usagef("%s is no backup of this program; use \"underlay import\" for what stock IPFS Cluster exported", path)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	done, err := s.api.Restore(ctx, file, how)
	if answer, ok := errors.AsType[*client.Error](err); ok && answer.Status == http.StatusConflict {
		flags := strings.NewReplacer("force=true", "--force", "pins-only=true", "--pins-only")
		return fmt.Errorf("%s: %w", flags.Replace(answer.Message), errRefused)
	}
	if err != nil {
		return err
	}
	if s.json {
		return s.object(done)
	}
	if !s.quiet {
		s.printf("restored %s, removed %d", human.Plural(done.Pins, "pin"), done.Removed)
	}
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/diag"
)

func diagCommand(g *globals) *cobra.Command {
	var cpu time.Duration
	cmd := &cobra.Command{
		Use:   "diag [FILE]",
		Short: "Save a report on one peer, for whoever is to find out what is wrong with it",
		Long: "Save a report on the peer that is asked to a file (underlay-diag-TIME.tar.gz without a name), or to standard output if FILE is -:\n" +
			"version, settings in effect, how all peers and the consensus are, the latest lines of its log, goroutines, memory, disk and\n" +
			"limits. A peer without a leader reports too. Secrets are taken out; names, addresses and CIDs are not.",
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().DurationVar(&cpu, "cpu", 0, "watch the processor for this `time`, at most 1m")
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		file := "underlay-diag-" + time.Now().UTC().Format("20060102T150405") + ".tar.gz"
		if len(args) > 0 {
			file = args[0]
		}
		return saveDiagnosis(ctx, s, file, cpu)
	})
}

// reported is what diag prints for machines.
type reported struct {
	File  string `json:"file"`
	Files int    `json:"files"`
}

// saveDiagnosis writes the file under a temporary name first: a report that was cut off is not kept.
func saveDiagnosis(ctx context.Context, s *session, path string, cpu time.Duration) error {
	report, err := s.api.Diagnosis(ctx, cpu)
	if err != nil {
		return err
	}
	defer report.Close()
	if path == "-" {
		_, err := copyDiagnosis(s.out, report)
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".underlay-diag-")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer os.Remove(tmp.Name()) // fails harmlessly once renamed
	files, err := copyDiagnosis(tmp, report)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if s.json {
		return s.object(reported{path, files})
	}
	s.printf("%s", path)
	return nil
}

// copyDiagnosis checks what it copies.
func copyDiagnosis(w io.Writer, r io.Reader) (files int, err error) {
	in := io.TeeReader(r, w)
	if files, err = diag.Check(in); err != nil {
		return files, err
	}
	_, err = io.Copy(io.Discard, in)
	return files, err
}

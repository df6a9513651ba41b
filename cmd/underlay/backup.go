package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/backup"
)

// defaultAPI is where a peer of this machine answers.
const defaultAPI = "http://127.0.0.1:9095"

func backupCommand(env environment) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Save the cluster's pinset to a file",
		Long: "Save the cluster's pinset to a file, or to standard output if FILE is -. The peer that is asked need not be the leader;\n" +
			"the file holds what was acknowledged anywhere before. Blocks are not in it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return saveBackup(cmd.Context(), url, args[0], env)
		},
	}
	apiFlag(cmd, &url)
	return cmd
}

func restoreCommand(env environment) *cobra.Command {
	var url string
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Restore the pinset of a new cluster from a backup",
		Long: "Restore the pinset of a new cluster from a backup. A cluster that has pins is left alone unless --force is given; then\n" +
			"its pinset is replaced by the backup's. The whole file is checked before anything is changed.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendBackup(cmd.Context(), url, args[0], force, false, env)
		},
	}
	apiFlag(cmd, &url)
	cmd.Flags().BoolVar(&force, "force", false, "replace the pins that the cluster has")
	return cmd
}

func importCommand(env environment) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Add the pins that `ipfs-cluster-service state export` saved",
		Long: "Add the pins that `ipfs-cluster-service state export` saved. Pins that the cluster has already are kept; those that are\n" +
			"in both take the file's options.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendBackup(cmd.Context(), url, args[0], false, true, env)
		},
	}
	apiFlag(cmd, &url)
	return cmd
}

func apiFlag(cmd *cobra.Command, url *string) {
	cmd.Flags().StringVar(url, "api", defaultAPI, "`URL` of a peer's API")
}

// saveBackup writes the file under a temporary name first: a backup that fails does not replace an older one.
func saveBackup(ctx context.Context, url, path string, env environment) (err error) {
	resp, err := callAPI(ctx, http.MethodGet, url+"/backup", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if path == "-" {
		_, err := copyBackup(env.stdout, resp.Body)
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".underlay-backup-")
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	defer os.Remove(tmp.Name()) // fails harmlessly once renamed
	summary, err := copyBackup(tmp, resp.Body)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	fmt.Fprintf(env.stdout, "saved %d pins to %s\n", summary.Pins, path)
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
func sendBackup(ctx context.Context, url, path string, force, stock bool, env environment) error {
	file, err := os.Open(path)
	if err != nil {
		return usageError{err}
	}
	defer file.Close()
	summary, err := backup.Read(file, backup.Visitor{})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case stock && !summary.Stock:
		return usageError{fmt.Errorf("%s is a backup of this program; use `underlay restore`", path)}
	case !stock && summary.Stock:
		return usageError{fmt.Errorf("%s is no backup of this program; use `underlay import` for what stock IPFS Cluster exported", path)}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	resp, err := callAPI(ctx, http.MethodPost, fmt.Sprintf("%s/restore?force=%t", url, force), file)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var done struct{ Pins, Removed int }
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	fmt.Fprintf(env.stdout, "restored %d pins, removed %d\n", done.Pins, done.Removed)
	return nil
}

// callAPI sends a request; an answer that is not a success becomes an error with the peer's own words.
func callAPI(ctx context.Context, method, url string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, usageError{fmt.Errorf("--api: %w", err)}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the peer: %w", err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", url, err)
	}
	var fault api.Error
	if json.Unmarshal(raw, &fault) != nil {
		fault.Message = strings.TrimSpace(string(raw))
	}
	return nil, fmt.Errorf("the peer refuses (%s): %s", resp.Status, fault.Message)
}

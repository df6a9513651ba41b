package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/underlay/underlay/internal/backup"
	"github.com/underlay/underlay/proxy/fault"
)

var (
	errValuesThere = errors.New("the cluster has keys, settings, files or requests of its own already; restoring would replace them all, which needs force=true, or pins-only=true to leave them")
	errOtherSecret = errors.New("the backup was made under another cluster secret: its keys and settings cannot be opened here. Start the cluster with that secret, or restore without them with pins-only=true")
)

// values replaces the values that the peers share by those of the backup, and leaves the file at its beginning.
func (j *restoreJob) values(ctx context.Context, file io.ReadSeeker, seal []byte, force bool) error {
	if !j.pinset.Opens(seal) {
		return fault.With(http.StatusConflict, errOtherSecret)
	}
	kept := make(map[string]bool)
	if err := j.readAgain(file, func(v backup.Value) error { kept[v.Key] = true; return nil }); err != nil {
		return err
	}
	var gone []string
	err := j.pinset.EachValue(ctx, func(key string, _ []byte) error {
		if !force && !madeByItself(key) {
			return fault.With(http.StatusConflict, errValuesThere)
		}
		if !kept[key] {
			gone = append(gone, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	batch, size := make(map[string][]byte), 0
	commit := func() error {
		n := min(len(gone), restoreBatch)
		if err := j.pinset.CommitValues(ctx, batch, gone[:n]); err != nil {
			return err
		}
		j.done.Values += len(batch)
		gone, batch, size = gone[n:], make(map[string][]byte), 0
		return nil
	}
	err = j.readAgain(file, func(v backup.Value) error {
		batch[v.Key] = v.Data
		if size += len(v.Data); len(batch) < restoreBatch && size < bulkBytes {
			return nil
		}
		return commit()
	})
	for err == nil && len(batch)+len(gone) > 0 {
		err = commit()
	}
	if err != nil {
		return fmt.Errorf("restore what is beside the pins: %w", err)
	}
	return nil
}

// readAgain calls f with the values of the file, which it reads from and leaves at its beginning.
func (j *restoreJob) readAgain(file io.ReadSeeker, f func(backup.Value) error) error {
	_, err := backup.Read(file, backup.Visitor{Value: f})
	if _, seekErr := file.Seek(0, io.SeekStart); err == nil {
		err = seekErr
	}
	return err
}

// madeByItself tells values that a cluster without a past has, too.
func madeByItself(key string) bool {
	space, _, _ := strings.Cut(key, "/")
	return space == "self" || space == "access"
}

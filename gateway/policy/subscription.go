package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// firstRetry is the pause after the first of several failures; the others double it up to the interval.
const firstRetry = 10 * time.Second

// subscription is a list that is fetched. One goroutine refreshes it.
type subscription struct {
	url      string
	file     string // where it is kept; empty: nowhere
	interval time.Duration
	limit    int64 // in bytes
	client   *http.Client
	log      *slog.Logger

	list  atomic.Pointer[list] // nil: it was never fetched
	known tag                  // of list
	retry time.Duration        // 0: the last attempt went well
}

func newSubscription(url string, o Options) *subscription {
	s := &subscription{url: url, interval: o.Interval, limit: maxListBytes, client: o.Client, log: o.Logger.With("url", url)}
	if o.Keep != "" {
		name := sha256.Sum256([]byte(url))
		s.file = filepath.Join(o.Keep, hex.EncodeToString(name[:8])+fileSuffix)
	}
	return s
}

// tagFile has the tag of the list that is kept.
func (s *subscription) tagFile() string { return s.file + ".json" }

// load takes the list that was kept. What is wrong with it is mended by the next fetch.
func (s *subscription) load() {
	if s.file == "" {
		return
	}
	data, err := readBounded(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var l *list
	if err == nil {
		l, err = readList(s.url, data)
	}
	if err != nil {
		s.log.Error("the denylist that was kept cannot be read; it is fetched anew", "error", err)
		return
	}
	s.list.Store(l)
	raw, err := os.ReadFile(s.tagFile())
	if err == nil {
		err = json.Unmarshal(raw, &s.known)
	}
	if err != nil {
		s.known = tag{}
		s.log.Debug("the version of the denylist that was kept is not known", "error", err)
	}
	logList(s.log, l)
}

// refresh fetches the list if it has changed, and says when to do so again.
func (s *subscription) refresh(ctx context.Context) (changed bool, next time.Duration) {
	changed, err := s.fetch(ctx)
	if err == nil {
		s.retry = 0
		return changed, s.interval
	}
	s.retry = min(max(2*s.retry, firstRetry), s.interval)
	if ctx.Err() == nil {
		s.log.Error("a denylist could not be fetched; the one before stays in force",
			"error", err, "rules", s.size(), "next attempt in", s.retry)
	}
	return false, s.retry
}

func (s *subscription) size() int {
	if l := s.list.Load(); l != nil {
		return l.size
	}
	return 0
}

func (s *subscription) fetch(ctx context.Context) (changed bool, err error) {
	data, now, err := fetch(ctx, s.client, s.url, s.known, s.limit)
	if err != nil {
		return false, fmt.Errorf("fetch denylist: %w", err)
	}
	if data == nil {
		return false, nil
	}
	l, err := readList(s.url, data)
	if err != nil {
		return false, err
	}
	s.list.Store(l)
	s.known = now
	logList(s.log, l)
	if err := s.keep(data); err != nil {
		s.log.Error("the denylist is in force, but will be lost at a restart", "error", err)
	}
	return true, nil
}

// keep stores the list, and then its tag: without it, the list is only fetched once more.
func (s *subscription) keep(data []byte) error {
	if s.file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return fmt.Errorf("keep denylist: %w", err)
	}
	if err := os.Remove(s.tagFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep denylist: %w", err)
	}
	if err := replaceFile(s.file, data); err != nil {
		return fmt.Errorf("keep denylist: %w", err)
	}
	raw, err := json.Marshal(s.known)
	if err != nil {
		return fmt.Errorf("keep the version of a denylist: %w", err)
	}
	if err := replaceFile(s.tagFile(), raw); err != nil {
		return fmt.Errorf("keep the version of a denylist: %w", err)
	}
	return nil
}

// replaceFile leaves the old content or the new, whatever happens.
func replaceFile(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

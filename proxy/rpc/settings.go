package rpc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/consistency"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
)

// Settings is the configuration of this peer's node, of which most is one for all peers.
type Settings interface {
	// Sync returns when every change that was acknowledged before is in the configuration.
	Sync(ctx context.Context) error
	// Change makes the change of all peers' configuration that run makes of the one in a repository. It may call it
	// again; if it fails, nothing is changed.
	Change(ctx context.Context, run func(repo string) (done bool)) (changed bool, err error)
}

const (
	// settingsPath is where a peer waits, for another, until it has the settings as of now.
	settingsPath = "/settings"
	// settingsPatience is how long the answer to a change waits until they are in force on all peers.
	settingsPatience = 2 * time.Second
	// maxSettings bounds what a client sends to change settings.
	maxSettings = 4 << 20
)

// settingsAPI serves the commands that read and change the configuration. Kubo's own code does both: it reads the node's
// repository, and changes a scratch one, of which the difference is committed.
type settingsAPI struct {
	kubo     kubo
	node     *core.IpfsNode
	own      http.Handler // on the node's repository
	settings Settings
	members  members
}

// commands adds the commands to a mux.
func (s settingsAPI) commands(mux commandMux) {
	read, change := http.HandlerFunc(s.read), http.HandlerFunc(s.change)
	for _, name := range []string{
		"config/show", "bootstrap", "bootstrap/list",
		"pin/remote/add", "pin/remote/ls", "pin/remote/rm", "pin/remote/service/ls",
	} {
		mux[name] = consistency.With(read)
	}
	for _, name := range []string{
		"config/replace", "bootstrap/add", "bootstrap/rm", "bootstrap/rm/all", "pin/remote/service/add", "pin/remote/service/rm",
	} {
		mux[name] = consistency.With(change)
	}
	mux["config"] = consistency.With(either(func(r *http.Request) bool { return arguments(r) < 2 }, read, change))
	mux[applyProfile] = consistency.With(either(func(r *http.Request) bool { return option(r, "dry-run") }, read, change))
}

const applyProfile = "config/profile/apply"

func either(isRead func(*http.Request) bool, read, change http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isRead(r) {
			read.ServeHTTP(w, r)
			return
		}
		change.ServeHTTP(w, r)
	})
}

// read answers when this peer has every setting that was acknowledged before.
func (s settingsAPI) read(w http.ResponseWriter, r *http.Request) {
	if err := s.settings.Sync(r.Context()); err != nil {
		writeSettingsError(w, err)
		return
	}
	s.own.ServeHTTP(w, r)
}

// change answers what kubo answers on a scratch repository, once all peers have what it changed there.
func (s settingsAPI) change(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSettings))
	if err != nil {
		writeSettingsError(w, fmt.Errorf("read the request: %w", err))
		return
	}
	var done *recording
	changed, err := s.settings.Change(r.Context(), func(repo string) bool {
		done = s.try(r, repo, body)
		return !done.failed()
	})
	if err != nil {
		if done != nil { // it knows which headers clients want
			maps.Copy(w.Header(), done.atStart)
		}
		writeSettingsError(w, err)
		return
	}
	if changed {
		s.tell(r.Context())
	}
	done.replay(w)
}

// try carries out a command on a scratch repository. What applying a profile answers contains the whole configuration, so
// that is asked of the node's own, which is the same but for what a scratch repository needs.
func (s settingsAPI) try(r *http.Request, repo string, body []byte) *recording {
	again := func() *http.Request {
		again := r.Clone(r.Context())
		again.Body = http.NoBody
		if len(body) > 0 {
			again.Body = io.NopCloser(bytes.NewReader(body))
		}
		return again
	}
	done := record(s.kubo.at(repo, s.node), again())
	if commandOf(r) != applyProfile || done.failed() {
		return done
	}
	dry := again()
	query := dry.URL.Query()
	query.Set("dry-run", "true")
	dry.URL.RawQuery = query.Encode()
	return record(s.own, dry)
}

// tell waits until the other peers have the settings too, though not for those that do not answer soon: they get them when
// they are back, and whoever reads settings there waits for that.
func (s settingsAPI) tell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settingsPatience)
	defer cancel()
	others, err := s.members.Others(ctx)
	if err != nil {
		return // who they are is unknown here; they learn of it by themselves
	}
	member.Each(others, func(id peer.ID) error {
		_, err := s.members.Ask(ctx, id, settingsPath, nil, nil)
		return err
	})
}

// answerSettings answers another peer's tell.
func answerSettings(s Settings) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.Sync(r.Context()); err != nil {
			writeSettingsError(w, err)
		}
	})
}

func writeSettingsError(w http.ResponseWriter, err error) {
	(&answer{ResponseWriter: w, acks: &acks{}}).sendError(fault.Status(err), err.Error())
}

// arguments counts the arguments of the request for a command that takes no files.
func arguments(r *http.Request) int {
	n := len(r.URL.Query()["arg"])
	if _, argument := commandAndArgument(r); argument {
		n++
	}
	return n
}

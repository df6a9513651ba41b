package member

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// surveyPatience is how long a peer may take to answer a survey: it asks nobody for that.
const surveyPatience = 1500 * time.Millisecond

// Survey asks all members the same, of which each knows the answer without waiting for others. However many look at the
// answers, each member is asked once in a while. Any number of goroutines may use it.
type Survey[T any] struct {
	peers  Peers
	path   string
	fresh  time.Duration
	self   func(context.Context) (T, error)
	logger *slog.Logger

	mu   sync.Mutex // held while members are asked: who comes meanwhile gets their answers
	last Answers[T]
}

// Answers are what the members have said, in the order of their names.
type Answers[T any] struct {
	At  time.Time
	All []Answer[T]
}

// Answer is what one member has said, or why it has not.
type Answer[T any] struct {
	ID    peer.ID
	Name  string
	Said  T
	Fault error
}

// Label is how people call the peer.
func (a Answer[T]) Label() string { return cmp.Or(a.Name, a.ID.String()) }

// NewSurvey makes a survey whose answers are shown for as long as fresh says; self is what this peer answers, at a path below
// NodePath. It asks nobody yet.
func NewSurvey[T any](peers Peers, path string, fresh time.Duration, self func(context.Context) (T, error), logger *slog.Logger) *Survey[T] {
	return &Survey[T]{peers: peers, path: path, fresh: fresh, self: self, logger: logger}
}

// Path is where Handler is to be.
func (s *Survey[T]) Path() string { return NodePath + s.path }

// Handler answers other members.
func (s *Survey[T]) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, err := s.self(r.Context())
		if err != nil {
			s.logger.Warn("cannot tell another peer of this one", "what", s.path, "error", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(said) // the member has gone if this fails
	})
}

// Ask returns what the members say. The error says that this peer does not even know who is in the cluster.
func (s *Survey[T]) Ask(ctx context.Context) (Answers[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := time.Since(s.last.At); age >= 0 && age < s.fresh {
		return s.last, nil
	}
	// Others wait for the answers too: all are asked also if who wanted it first goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), surveyPatience)
	defer cancel()
	names, err := s.peers.Names(ctx)
	if err != nil {
		return Answers[T]{}, fmt.Errorf("look at the cluster: %w", err)
	}
	var ids []peer.ID
	for id := range names {
		ids = append(ids, id)
	}
	all := Each(ids, func(id peer.ID) Answer[T] { return s.ask(ctx, id, names[id]) })
	slices.SortFunc(all, func(a, b Answer[T]) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	s.last = Answers[T]{At: time.Now(), All: all}
	return s.last, nil
}

// ask asks one member, which may be this peer.
func (s *Survey[T]) ask(ctx context.Context, id peer.ID, name string) Answer[T] {
	a := Answer[T]{ID: id, Name: name}
	if id == s.peers.ID() {
		a.Said, a.Fault = s.self(ctx)
		return a
	}
	said, err := (Group{Peers: s.peers}).Ask(ctx, id, s.path, nil, nil)
	if err == nil {
		err = json.Unmarshal(said, &a.Said)
	}
	if err != nil {
		a.Fault = err
	}
	return a
}

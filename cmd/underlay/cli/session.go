package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"golang.org/x/term"

	"github.com/underlay/underlay/internal/client"
)

// session is what a command gets to work with: a peer to ask, and where to print.
type session struct {
	settings
	api   *client.Client
	in    io.Reader
	out   *sink
	notes io.Writer // errors and what else is no result
	json  bool
	quiet bool
	bar   *progress
}

// open finds the peer to ask; it does not connect.
func (g *globals) open() (*session, error) {
	found, err := g.resolve()
	if err != nil {
		return nil, err
	}
	api, err := client.New(found.client)
	if err != nil {
		return nil, usagef("%s: %w", found.source, err)
	}
	s := &session{
		settings: found, api: api, in: g.env.Stdin, out: &sink{w: g.env.Stdout}, notes: g.env.Stderr, json: g.json, quiet: g.quiet,
	}
	s.bar = newProgress(g.env.Stderr, !s.json && !s.quiet && isTerminal(g.env.Stderr) && variable(g.env.Lookup, "TERM") != "dumb")
	if found.note != "" {
		s.note("%s", found.note)
	}
	return s, nil
}

func (s *session) close() {
	s.bar.hide()
	s.api.Close()
}

// isTerminal tells whether a person watches.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// note tells the user something that is no result.
func (s *session) note(format string, args ...any) {
	if s.quiet {
		return
	}
	s.bar.hide()
	fmt.Fprintf(s.notes, "underlay: "+format+"\n", args...)
}

// sink remembers that something could not be printed, so that nobody takes a part of a result for the whole.
type sink struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (k *sink) Write(p []byte) (int, error) {
	if k.err != nil {
		return 0, k.err
	}
	n, err := k.w.Write(p)
	if err != nil {
		k.err = fmt.Errorf("print the result: %w", err)
	}
	return n, k.err
}

// printf prints a line of the result, for people.
func (s *session) printf(format string, args ...any) {
	s.bar.hide()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// object prints a result for machines.
func (s *session) object(v any) error {
	s.bar.hide()
	return json.NewEncoder(s.out).Encode(v)
}

// table starts a table of the result.
func (s *session) table(heads ...string) *table {
	s.bar.hide()
	return newTable(s.out, heads)
}

// noRoute is how the API answers paths that it does not know.
const noRoute = "not found"

var errNoRoute = errors.New("no such part of the API")

// explain adds to an error what the user can do about it.
func (s *session) explain(err error) error {
	answer, _ := errors.AsType[*client.Error](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) && s.timeout > 0:
		return fmt.Errorf("gave up after %s: %w", s.timeout, err)
	case errors.Is(err, client.ErrUnreachable) && s.guessed:
		return fmt.Errorf("%w\nNo peer of yours runs here. Start one with \"underlay dev\", or name one with --api URL or %s", err, envAPI)
	case errors.Is(err, client.ErrUnreachable):
		return fmt.Errorf("%w (address from %s)", err, s.source)
	case answer != nil && answer.Status == http.StatusNotFound && answer.Message == noRoute:
		return fmt.Errorf("the peer at %s does not have this: it may be of another version, or be no peer: %w", s.api.URL(), errNoRoute)
	case answer != nil && answer.Status == http.StatusUnauthorized && s.client.Token == "" && s.client.User == "":
		return fmt.Errorf("%w\nThe API wants credentials: %s, %s, --token or --auth", err, envToken, envAuth)
	}
	return err
}

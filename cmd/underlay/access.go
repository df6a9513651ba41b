package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/logging"
	"github.com/underlay/underlay/internal/tlsfiles"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/console"
	"github.com/underlay/underlay/proxy/unfinished"
)

// accessFiles is what the settings of access name files for.
type accessFiles struct {
	tokens
	certs *tlsfiles.Watched // nil: none
}

// tokens are those of the settings; empty: none.
type tokens struct{ admin, metrics string }

func readTokens(conf config.API) (t tokens, err error) {
	if t.admin, err = conf.ReadAdminToken(); err != nil {
		return t, err
	}
	t.metrics, err = conf.ReadMetricsToken()
	return t, err
}

func readAccessFiles(conf config.API, logger *slog.Logger) (files accessFiles, err error) {
	if files.tokens, err = readTokens(conf); err != nil {
		return files, usageError{err}
	}
	if conf.TLSCert == "" {
		return files, nil
	}
	if files.certs, err = certificates(conf).Open(logger); err != nil {
		return files, usageError{err}
	}
	return files, nil
}

func certificates(conf config.API) tlsfiles.Files {
	return tlsfiles.Files{Cert: conf.TLSCert, Key: conf.TLSKey, ClientCA: conf.TLSClientCA}
}

// tls is nil if none is spoken.
func (f accessFiles) tls() *tls.Config {
	if f.certs == nil {
		return nil
	}
	return f.certs.Config()
}

// entrance is what stands before the private APIs.
type entrance struct {
	registry *access.Registry
	guard    *access.Guard
}

// openEntrance makes it from the settings and from what the peer knows of the cluster's credentials. If nobody could get
// in, or everybody whom nobody meant, it says what to do.
func openEntrance(conf config.Config, files accessFiles, p *peer.Peer, logger *slog.Logger) (*entrance, error) {
	node, err := p.Node().Repo.Config()
	if err != nil {
		return nil, fmt.Errorf("read the node's settings: %w", err)
	}
	e := &entrance{}
	if e.registry, err = access.OpenRegistry(p.Values(), p, logging.Named(logger, logging.Access)); err != nil {
		return nil, err
	}
	terms := accessTerms(conf, files.tokens)
	e.guard = access.New(access.Options{
		Registry: e.registry, Kubo: node.API.Authorizations, Terms: terms, Logger: logging.Named(logger, logging.Access),
	})
	if e.guard.Closed(terms) {
		return nil, usageError{errNobody(conf)}
	}
	return e, nil
}

func accessTerms(conf config.Config, t tokens) access.Terms {
	return access.Terms{
		AdminToken: t.admin, MetricsToken: t.metrics, Open: len(conf.Exposed()) == 0 || conf.API.TrustNetwork || conf.API.TLSClientCA != "",
	}
}

// errNobody says that nobody could get in.
func errNobody(conf config.Config) error {
	return fmt.Errorf("%s: others than this machine can reach that address, and nothing says who may use it; "+
		"set api.admin_token_file (see docs/access.md), or listen on 127.0.0.1, or set api.trust_network if whoever reaches it may "+
		"change the cluster", strings.Join(conf.Exposed(), " and "))
}

// part reads the files again and takes other ones.
func (e *entrance) part(certs *tlsfiles.Watched) part {
	return part{"access", func(_, now config.Config) (func(), error) {
		tokens, err := readTokens(now.API)
		if err != nil {
			return nil, err
		}
		terms, show := accessTerms(now, tokens), func() {}
		if e.guard.Closed(terms) {
			return nil, errNobody(now)
		}
		if certs != nil {
			if show, err = certs.Replace(certificates(now.API)); err != nil {
				return nil, err
			}
		}
		return func() {
			show()
			e.guard.Use(terms)
		}, nil
	}}
}

// clients lets those through to the private APIs who may use them.
func (e *entrance) clients(h http.Handler) http.Handler {
	return e.guard.Wrap(h, console.Dialect(access.Private))
}

// pinning lets those through to the listener of the pinning service who may use it.
func (e *entrance) pinning(h http.Handler) http.Handler { return e.guard.Wrap(h, access.Pinning) }

// members adds to what members of the cluster may ask what they ask each other about credentials, how each is, and
// what it has left to do.
func (e *entrance) members(private apis) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", private.rpc.Members)
	private.surveys.serve(mux)
	mux.Handle(unfinished.Path, private.unfinished)
	mux.Handle(access.KnownPath, e.registry.Known())
	return mux
}

package rpc

import (
	"fmt"
	"net"
	"net/http"

	"github.com/ipfs/kubo/commands"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corehttp"
	"github.com/ipfs/kubo/repo"

	kuboconfig "github.com/ipfs/kubo/config"
)

// kubo serves kubo's own command tree, on whatever node it is given. Who may call what is checked before: see RPC.
type kubo struct {
	settings *core.IpfsNode // whose configuration says how the API answers
	repo     string         // directory of that repository
	listener net.Listener
	log      *commands.ReqLog // of all commands, for diag/cmds
}

// newKubo settles how the API answers when it starts, as kubo does. Kubo's authorizations are hidden from it: they have been
// asked for before.
func newKubo(o Options) (kubo, error) {
	own, err := o.Node.Repo.Config()
	if err != nil {
		return kubo{}, fmt.Errorf("read how the RPC API answers: %w", err)
	}
	conf := *own
	conf.API.Authorizations = nil
	settings := *o.Node
	settings.Repo = fixedRepo{o.Node.Repo, &conf}
	return kubo{settings: &settings, repo: o.Repo, listener: o.Listener, log: &commands.ReqLog{}}, nil
}

// fixedRepo is a repository whose configuration does not change.
type fixedRepo struct {
	repo.Repo
	conf *kuboconfig.Config
}

// Config implements repo.Repo.
func (r fixedRepo) Config() (*kuboconfig.Config, error) { return r.conf, nil }

// commands serves all commands on a node.
func (k kubo) commands(node *core.IpfsNode) (http.Handler, error) {
	env := k.context(func() (*core.IpfsNode, error) { return node, nil })
	if _, err := env.GetAPI(); err != nil { // cached without a lock: make it before the first request
		return nil, err
	}
	return k.serve(env)
}

// onNodeOf serves all commands on a node that is made for each request, once kubo has found that it may be answered.
func (k kubo) onNodeOf(node func(*http.Request) (*core.IpfsNode, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := k.serve(k.context(func() (*core.IpfsNode, error) { return node(r) }))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// at serves all commands on a node with another repository, for those that open it by themselves.
func (k kubo) at(repo string, node *core.IpfsNode) http.Handler {
	k.repo = repo
	return k.onNodeOf(func(*http.Request) (*core.IpfsNode, error) { return node, nil })
}

func (k kubo) context(node func() (*core.IpfsNode, error)) commands.Context {
	return commands.Context{ConfigRoot: k.repo, ReqLog: k.log, ConstructNode: node}
}

func (k kubo) serve(env commands.Context) (http.Handler, error) {
	return corehttp.MakeHandler(k.settings, k.listener, corehttp.CheckVersionOption(), corehttp.CommandsOption(env))
}

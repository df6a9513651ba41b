package proxy

import (
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
	settings *core.IpfsNode // whose repository says how the API answers
	repo     string         // directory of that repository
	listener net.Listener
	log      *commands.ReqLog // of all commands, for diag/cmds
}

func newKubo(o RPCOptions) kubo {
	settings := *o.Node
	settings.Repo = trustingRepo{o.Node.Repo}
	return kubo{settings: &settings, repo: o.Repo, listener: o.Listener, log: &commands.ReqLog{}}
}

// trustingRepo hides kubo's authorizations, so that kubo does not ask for them again.
type trustingRepo struct{ repo.Repo }

// Config implements repo.Repo.
func (r trustingRepo) Config() (*kuboconfig.Config, error) {
	own, err := r.Repo.Config()
	if err != nil {
		return nil, err
	}
	conf := *own
	conf.API.Authorizations = nil
	return &conf, nil
}

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

func (k kubo) context(node func() (*core.IpfsNode, error)) commands.Context {
	return commands.Context{ConfigRoot: k.repo, ReqLog: k.log, ConstructNode: node}
}

func (k kubo) serve(env commands.Context) (http.Handler, error) {
	return corehttp.MakeHandler(k.settings, k.listener, corehttp.CheckVersionOption(), corehttp.CommandsOption(env))
}

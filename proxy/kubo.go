package proxy

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

// kubo serves kubo's own command tree, on whatever node it is given.
type kubo struct {
	settings *core.IpfsNode // whose configuration says who may do what through the API
	repo     string         // directory of that repository
	listener net.Listener
	log      *commands.ReqLog // of all commands, for diag/cmds
}

func newKubo(o RPCOptions) (kubo, error) {
	conf, err := o.Node.Repo.Config()
	if err != nil {
		return kubo{}, fmt.Errorf("read who may do what through the RPC API: %w", err)
	}
	k := kubo{repo: o.Repo, listener: o.Listener, log: &commands.ReqLog{}}
	return k.with(o.Node, conf), nil
}

// trusting is the same for those who need no authorization.
func (k kubo) trusting() (kubo, error) {
	own, err := k.settings.Repo.Config()
	if err != nil {
		return kubo{}, err
	}
	conf := *own
	conf.API.Authorizations = nil
	return k.with(k.settings, &conf), nil
}

// with is the same by a configuration that stays as it is: as with kubo, who may do what is settled when it starts.
func (k kubo) with(node *core.IpfsNode, conf *kuboconfig.Config) kubo {
	settings := *node
	settings.Repo = fixedRepo{node.Repo, conf}
	k.settings = &settings
	return k
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

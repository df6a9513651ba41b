package restdiff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/api/rest/client"

	"github.com/underlay/underlay/internal/apidiff"
)

// The clients that come with IPFS Cluster.
const (
	plainClient = "client"
	failover    = "failover client"    // whose first peer is not there
	roundRobin  = "round-robin client" // that takes turns
)

// call is an action: one method of the Go client.
type call struct {
	client, method string
	run            func(ctx context.Context, c client.Client, vars variables) (any, error)
}

// method calls a method of one of the clients.
func method(kind, name string, do func(ctx context.Context, c client.Client, vars variables) (any, error)) step {
	return step{label: name, action: call{kind, name, do}}
}

func (m call) uses() []string { return []string{m.client + "." + m.method} }

// do calls the method. The fields of the answer are "body", the result in JSON, and "error".
func (m call) do(ctx context.Context, t *target, vars variables) (apidiff.Answer, error) {
	c, err := t.client(m.client)
	if err != nil {
		return nil, err
	}
	result, err := m.run(ctx, c, vars)
	a := make(apidiff.Answer)
	if err != nil {
		a["error"] = err.Error()
		if status, ok := errors.AsType[api.Error](err); ok {
			a["error"] = fmt.Sprintf("%d: %s", status.Code, status.Message)
		}
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	a[apidiff.Body] = string(raw)
	return a, nil
}

// client makes a client. Connections are not kept, so that none is left when the peers stop.
func (tg *target) client(kind string) (client.Client, error) {
	at, err := url.Parse(tg.rest)
	if err != nil {
		return nil, err
	}
	here := func() *client.Config {
		return &client.Config{Host: at.Hostname(), Port: at.Port(), DisableKeepAlives: true, LogLevel: "fatal"}
	}
	nobody := here()
	nobody.Port = "1"
	switch kind {
	case failover:
		return client.NewLBClient(&client.Failover{}, []*client.Config{nobody, here()}, 2)
	case roundRobin:
		return client.NewLBClient(&client.RoundRobin{}, []*client.Config{here(), here()}, 2)
	}
	return client.NewDefaultClient(here())
}

// collect runs a method that streams, and returns what it sends.
func collect[T any](stream func(chan<- T) error) (any, error) {
	out := make(chan T)
	failed := make(chan error, 1)
	go func() { failed <- stream(out) }()
	all := []T{}
	for item := range out {
		all = append(all, item)
	}
	return all, <-failed
}

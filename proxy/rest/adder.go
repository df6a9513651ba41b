package rest

import (
	"context"
	"mime/multipart"
	"net/url"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// Adder stores uploads as POST /add does, for who has none to send to it. Any number of goroutines may use it.
type Adder struct{ handlers *handlers }

// NewAdder makes an adder; of the options it needs Cluster and RPC.
func NewAdder(o Options) *Adder { return &Adder{&handlers{o}} }

// Add stores the files of a form on the allocated peers and pins them, with the options that POST /add has as parameters. It
// hands each file and folder to told when that is stored, from its own goroutine, also if another fails later: only when Add
// returns no error they are pinned. Its errors have a status, see fault.Status.
func (a *Adder) Add(ctx context.Context, options url.Values, form *multipart.Reader, told func(api.AddedOutput)) error {
	params, client, err := a.handlers.prepareAdd(ctx, options)
	if err != nil {
		return err
	}
	out, done := make(chan api.AddedOutput, buffer), make(chan error, 1)
	go func() { done <- a.handlers.store(ctx, client, params, form, out) }()
	return drain(out, done, told)
}

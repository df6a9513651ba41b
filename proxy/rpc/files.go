package rpc

import (
	"context"
	"net/http"
	"strconv"

	"github.com/ipfs/boxo/mfs"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/consistency"
	"github.com/underlay/underlay/proxy/member"
)

// Files is the cluster's mutable file system. It answers the other peers below filesPath.
type Files interface {
	http.Handler
	// Place returns the peer that makes changes now.
	Place(ctx context.Context) peer.ID
	// ReadPlace returns the peer that shows everything that was acknowledged before, unless ctx is stale.
	ReadPlace(ctx context.Context) (peer.ID, error)
	// Read returns the tree as this peer has applied it, to be read until release is called. A reader that looks at all entries
	// of a directory says so.
	Read(ctx context.Context, all bool) (root *mfs.Root, release func(), err error)
	// Begin starts an operation on root, which nobody else changes until end is called. Then commit waits until what it has
	// changed is acknowledged; consensus.ErrConflict asks for the operation to be done again. Without flush the change waits
	// in memory for the next one that is flushed.
	Begin(ctx context.Context, flush bool) (root *mfs.Root, end func() (commit func(context.Context) error), err error)
	// Prepare makes content known that the next operation will put into the files, if it is large.
	Prepare(ctx context.Context, root cid.Cid)
	// Join lets an upload put nodes into root, each in one step, until it calls commit.
	Join(ctx context.Context) (root *mfs.Root, commit func(context.Context) error, err error)
}

// filesPath is where a peer answers what the others ask about the files.
const filesPath = "/files/"

// filesUse is what a request does with the files.
type filesUse int

const (
	filesUnused  filesUse = iota
	filesRead             // it reads them
	filesChanged          // it changes them, in one operation
	filesJoined           // it uploads, and puts into the files what it has uploaded
)

func usesFiles(r *http.Request) filesUse {
	switch commandOf(r) {
	case "files/ls", "files/read", "files/stat":
		return filesRead
	case "files/mkdir", "files/write", "files/cp", "files/mv", "files/rm", "files/chmod", "files/touch", "files/chcid", "files/flush":
		return filesChanged
	case "add":
		if r.URL.Query().Has("to-files") {
			return filesJoined
		}
	}
	return filesUnused
}

// flushes tells whether the change is to be the cluster's at once. Of some commands it always is.
func flushes(r *http.Request) bool {
	switch commandOf(r) {
	case "files/mkdir", "files/write", "files/cp", "files/mv", "files/chcid":
		for _, name := range []string{"flush", "f"} {
			if flush, err := strconv.ParseBool(r.URL.Query().Get(name)); err == nil && !flush {
				return false
			}
		}
	}
	return true
}

// filesAPI serves the commands that use the files, with kubo's own code, each on a copy of the node that has the root which
// it may use.
type filesAPI struct {
	files Files
	kubo  kubo
	node  *core.IpfsNode // for commands that act on this peer's node
	all   *core.IpfsNode // for commands that see the blocks of all peers
}

// use answers with next what does not use the files.
func (a *filesAPI) use(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch usesFiles(r) {
		case filesRead:
			a.read(w, r)
		case filesChanged:
			a.change(w, r)
		case filesJoined:
			a.join(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// on makes the copy of the node that a command runs on.
func (a *filesAPI) on(r *http.Request, root *mfs.Root) *core.IpfsNode {
	node := *a.node
	if option(r, "with-local") {
		node = *a.all
	}
	node.FilesRoot = root
	return &node
}

// read answers from the tree that this peer has applied.
func (a *filesAPI) read(w http.ResponseWriter, r *http.Request) {
	a.kubo.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
		root, release, err := a.files.Read(r.Context(), option(r, "long") || option(r, "l"))
		if err != nil {
			return nil, NoteFailure(r.Context(), err)
		}
		atEnd(r.Context(), release)
		return a.on(r, root), nil
	}).ServeHTTP(w, r)
}

// routeFiles sends requests that use the files to the peer where they have to be answered: changes to the leader, even if
// they name a peer, since the files are the cluster's. So a request passes on once at most: the other just answers it.
func routeFiles(files Files, next *member.Addressed) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		self := next.ID()
		switch use := usesFiles(r); {
		case use == filesUnused, use == filesRead && r.Header.Get(member.Header) != "":
			next.ServeHTTP(w, r)
		case use == filesRead:
			ctx := r.Context()
			if consistency.Of(r) == "stale" {
				ctx = consensus.WithStale(ctx)
			}
			place, err := files.ReadPlace(ctx)
			switch {
			case err != nil:
				w.Header().Set(member.Header, self.String())
				writeFailure(w, err)
			case place != self:
				next.Send(place, w, r)
			default:
				next.Cluster.ServeHTTP(w, r)
			}
		default:
			if place := files.Place(r.Context()); place != self {
				next.Send(place, w, r)
				return
			}
			next.Alone.ServeHTTP(w, r)
		}
	})
}

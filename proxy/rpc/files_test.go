package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/boxo/mfs"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/proxytest"
)

// fakeFiles are the files of one node, which nobody else changes. They fail as they are told to.
type fakeFiles struct {
	http.Handler
	root   *mfs.Root
	self   peer.ID
	turn   sync.Mutex
	began  int
	fails  []error // what the next commits return
	begins []error // what the next attempts to begin return
	leader peer.ID // empty: self
}

func (f *fakeFiles) Place(context.Context) peer.ID {
	if f.leader != "" {
		return f.leader
	}
	return f.self
}

func (f *fakeFiles) ReadPlace(ctx context.Context) (peer.ID, error) { return f.Place(ctx), nil }

func (f *fakeFiles) Read(context.Context, bool) (*mfs.Root, func(), error) {
	return f.root, func() {}, nil
}

func (f *fakeFiles) Begin(context.Context, bool) (*mfs.Root, func() func(context.Context) error, error) {
	f.turn.Lock()
	f.began++
	if len(f.begins) > 0 {
		defer f.turn.Unlock()
		err := f.begins[0]
		f.begins = f.begins[1:]
		return nil, nil, err
	}
	return f.root, func() func(context.Context) error {
		defer f.turn.Unlock()
		return f.commit
	}, nil
}

func (f *fakeFiles) Prepare(context.Context, cid.Cid) {}

func (f *fakeFiles) Join(context.Context) (*mfs.Root, func(context.Context) error, error) {
	return f.root, f.commit, nil
}

func (f *fakeFiles) commit(context.Context) (err error) {
	if len(f.fails) > 0 {
		err, f.fails = f.fails[0], f.fails[1:]
	}
	return err
}

// A change that another peer was faster than is made again, with the whole of its body, also if that is too large for the
// memory.
func TestFilesChangeAgainAfterConflict(t *testing.T) {
	for name, size := range map[string]int{"small": 10, "large": bodyMemory + 10} {
		t.Run(name, func(t *testing.T) {
			r := newRPCRig(t)
			r.files.begins = []error{consensus.ErrConflict}
			r.files.fails = []error{consensus.ErrConflict, consensus.ErrConflict}
			content := strings.Repeat("x", size-1) + "y"
			body, contentType := fileForm(t, content)
			reply := proxytest.Ask(t, http.MethodPost, r.Command("files/write", []string{"/f"}, "create", "true", "truncate", "true"), body, "Content-Type", contentType)
			if reply.StatusCode != http.StatusOK || r.files.began != 4 {
				t.Fatalf("status %d after %d attempts: %s", reply.StatusCode, r.files.began, reply.Text)
			}
			if got := r.post("files/read", []string{"/f"}); got.Text != content {
				t.Errorf("read %d bytes, want %d", len(got.Text), size)
			}
		})
	}
}

// A change is answered with success only when it is acknowledged.
func TestFilesChangeIsNotAcknowledged(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{consensus.ErrNoLeader, http.StatusServiceUnavailable},
		{consensus.ErrUnknownOutcome, http.StatusGatewayTimeout},
		{consensus.ErrDiskFull, http.StatusInsufficientStorage},
	} {
		r := newRPCRig(t)
		r.files.fails = []error{c.err, c.err}
		reply := r.post("files/mkdir", []string{"/d"})
		var failure proxytest.KuboError
		reply.Decode(t, &failure)
		if reply.StatusCode != c.status || failure.Type != "error" || failure.Message != c.err.Error() {
			t.Errorf("%v: status %d, %+v", c.err, reply.StatusCode, failure)
		}
		body, contentType := fileForm(t, "added")
		reply = proxytest.Ask(t, http.MethodPost, r.Command("add", nil, "to-files", "/added"), body, "Content-Type", contentType)
		if reply.StatusCode != c.status {
			t.Errorf("add: %v: status %d, %s", c.err, reply.StatusCode, reply.Text)
		}
	}
}

// A request that kubo refuses begins nothing.
func TestFilesRefuseForeignSites(t *testing.T) {
	r := newRPCRig(t)
	body, contentType := fileForm(t, "from elsewhere")
	reply := proxytest.Ask(t, http.MethodPost, r.Command("files/write", []string{"/f"}, "create", "true"), body, "Origin", "http://elsewhere.example", "Content-Type", contentType)
	if reply.StatusCode != http.StatusForbidden || r.files.began != 0 {
		t.Errorf("status %d, %d operations", reply.StatusCode, r.files.began)
	}
}

// Changes and what reads changes go to the peer that makes them, whatever peer the request names; a read that names a peer
// goes there.
func TestFilesArePlaced(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	for _, r := range rigs {
		r.files.leader = rigs[1].self.ID()
	}
	for _, c := range []struct {
		command string
		named   string
		want    *rpcRig
	}{
		{"files/mkdir", "", rigs[1]},
		{"files/flush", rigs[2].self.ID().String(), rigs[1]},
		{"files/ls", "", rigs[1]},
		{"files/ls", rigs[2].self.ID().String(), rigs[2]},
	} {
		var headers []string
		if c.named != "" {
			headers = []string{member.Header, c.named}
		}
		reply := proxytest.Ask(t, http.MethodPost, rigs[0].Command(c.command, []string{"/d"}), nil, headers...)
		if got := reply.Header.Values(member.Header); len(got) != 1 || got[0] != c.want.self.ID().String() {
			t.Errorf("%s for %q was answered by %v", c.command, c.named, got)
		}
	}
	if rigs[1].files.began != 2 || rigs[0].files.began != 0 || rigs[2].files.began != 0 {
		t.Error("operations began on other peers than the leader")
	}
}

// fileForm is a body of one file, and its content type.
func fileForm(t testing.TB, content string) (body io.Reader, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "file")
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}

func TestWhatFlushes(t *testing.T) {
	for query, want := range map[string]bool{
		"files/write?arg=/a": true, "files/write?arg=/a&flush=false": false, "files/cp?f=0": false, "files/cp?flush=": true,
		"files/rm?flush=false": true, "files/touch?flush=false": true, "files/mv?flush=nonsense": true, "files/flush": true,
	} {
		r, err := http.NewRequest(http.MethodPost, "http://host/api/v0/"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := flushes(r); got != want {
			t.Errorf("%s: %v", query, got)
		}
	}
}

package peer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/peer/reconcile"
)

// FuzzMessages: what peers send each other, and have stored of each other, is refused or reads the same when it is written
// again.
func FuzzMessages(f *testing.F) {
	f.Add(awaitQuestion{7, reconcile.AwaitRequest{Cid: someCID(f), Index: 300, Timeout: time.Second}}.append(nil))
	f.Add(awaitAnswer{9, reconcile.AwaitReply{Held: true, Blocks: 3, Error: "why"}}.append(nil))
	f.Add(appendSurvey(nil, reconcile.Survey{Index: 300, Cids: []api.Cid{someCID(f), someCID(f)}}))
	f.Add(surveyRecord{surveyDiffers, "key", api.PinInfoShort{Status: api.TrackerStatusPinning, TS: time.Unix(1, 2), Error: "text"}, pinstatus.Progress{Nodes: 1, Bytes: 2}}.append(nil))
	f.Add(surveyRecord{kind: surveyPassed, key: "key"}.append(nil))
	f.Add(surveyRecord{kind: surveyEnd}.append(nil))
	f.Add([]byte{surveyDiffers, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte(strings.Repeat("\xff", 40)))
	f.Add([]byte("\x02{}"))
	f.Add([]byte(`{"name":"one","version":"v","addrs":["/ip4/192.0.2.1/tcp/1"],"removed":true}`))
	f.Add([]byte(`{"name":"one","version":"v","slot":"a","machine":"1/eu/i-1","addrs":["/ip4/192.0.2.1/tcp/1"]}`))
	f.Add([]byte(greeting + "\x07/noise\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		readsAgain(t, "question", raw, readQuestion, func(q awaitQuestion) []byte { return q.append(nil) })
		readsAgain(t, "answer", raw, readAnswer, func(a awaitAnswer) []byte { return a.append(nil) })
		readsAgain(t, "survey", raw, readSurvey, func(s reconcile.Survey) []byte { return appendSurvey(nil, s) })
		readsAgain(t, "record", raw, readSurveyRecord, func(s surveyRecord) []byte { return s.append(nil) })
		readsAgain(t, "self", raw, readSelf, func(self api.PinInfoShort) []byte {
			text, err := appendSelf(nil, self)
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			return text
		})
		member := func(r *bufio.Reader) (member, error) {
			record, err := io.ReadAll(r)
			if err != nil {
				return member{}, err
			}
			m, err := decodeMember(consensus.MemberRecord{Record: record})
			slices.SortFunc(m.Addrs, func(a, b ma.Multiaddr) int { return strings.Compare(a.String(), b.String()) })
			return m, err
		}
		readsAgain(t, "member", raw, member, encoded(t))
		if err := selectNoise(answering{in: bytes.NewReader(raw)}); !bytes.HasPrefix(raw, []byte(greeting)) && err == nil {
			t.Errorf("%q passes for a peer with our secret", raw)
		} else if len(raw) >= len(greeting) && !bytes.HasPrefix(raw, []byte(greeting)) && !errors.Is(err, errSecretDiffers) {
			t.Errorf("%q is answered with %v", raw, err)
		}
	})
}

func encoded(t *testing.T) func(member) []byte {
	return func(m member) []byte {
		record, err := m.encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		return record
	}
}

// readsAgain fails the test if a message is read that reads otherwise when it is written again.
func readsAgain[T any](t *testing.T, what string, raw []byte, read func(*bufio.Reader) (T, error), write func(T) []byte) {
	t.Helper()
	m, err := read(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return
	}
	again, err := read(bufio.NewReader(bytes.NewReader(write(m))))
	if err != nil {
		t.Errorf("%s %+v cannot be read again: %v", what, m, err)
	} else if !reflect.DeepEqual(m, again) {
		t.Errorf("%s %+v became %+v", what, m, again)
	}
}

// answering is a connection from which certain bytes come, whatever is written.
type answering struct {
	net.Conn
	in io.Reader
}

func (a answering) Read(b []byte) (int, error)  { return a.in.Read(b) }
func (a answering) Write(b []byte) (int, error) { return len(b), nil }

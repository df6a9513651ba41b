package overview_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/overview"
	"github.com/underlay/underlay/proxy/proxytest"
)

// body is a peer that is as the test says.
type body struct {
	vitals vitals.Vitals
	asked  atomic.Int64
	hangs  atomic.Bool
}

// Vitals implements overview.Self.
func (b *body) Vitals(ctx context.Context) (vitals.Vitals, error) {
	b.asked.Add(1)
	if b.hangs.Load() {
		<-ctx.Done()
		return vitals.Vitals{}, ctx.Err()
	}
	return b.vitals, nil
}

// patient is a member of a network with a body.
type patient struct {
	*body
	member    proxytest.Member
	collector *overview.Collector
}

// admit makes members of one network, who serve each other.
func admit(t *testing.T, names ...string) (patients []patient) {
	t.Helper()
	network := proxytest.NewNetwork()
	for _, name := range names {
		m := network.Join(t, name)
		b := &body{vitals: vitals.Vitals{ID: m.ID().String(), Name: name, Version: "1", Consensus: vitals.Consensus{Voter: true, Term: 3, Applied: 100}}}
		c := overview.New(b, m, slog.New(slog.DiscardHandler))
		mux := http.NewServeMux()
		mux.Handle(overview.Path, c.Handler())
		network.Reach(m, proxytest.Serve(t, proxytest.Listen(t), mux, time.Second).Addr)
		patients = append(patients, patient{b, m, c})
	}
	for _, p := range patients {
		p.vitals.Consensus.Leader = patients[0].member.ID().String()
	}
	return patients
}

func (p patient) look(t *testing.T) overview.Overview {
	t.Helper()
	o, err := p.collector.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// find returns what a picture says of a peer.
func find(t *testing.T, o overview.Overview, p patient) overview.Peer {
	t.Helper()
	found, ok := o.Peer(p.member.ID().String())
	if !ok {
		t.Fatalf("%s is not in the picture: %+v", p.vitals.Name, o)
	}
	return found
}

func TestOverview(t *testing.T) {
	p := admit(t, "a", "b", "c")
	p[1].vitals.Consensus.Applied = 90
	p[2].vitals.Pins = vitals.Pins{Total: 5, Queued: 1, Failed: 2}
	o := p[2].look(t)
	if o.Leader != p[0].member.ID().String() || o.Term != 3 || o.Asked != p[2].member.ID().String() || o.Pins != 5 || o.Answering() != 3 {
		t.Errorf("%+v", o)
	}
	for i, behind := range []uint64{0, 10, 0} {
		if seen := find(t, o, p[i]); seen.Behind != behind || !seen.Answers() || seen.Name != p[i].vitals.Name || o.Peers[i].ID != seen.ID {
			t.Errorf("peer %d: %+v", i, seen)
		}
	}
	if left := o.Unfinished(); left != (vitals.Pins{Queued: 1, Failed: 2}) {
		t.Errorf("left to do: %+v", left)
	}
	if len(o.Alerts) != 1 || o.Alerts[0].Grave || !strings.HasPrefix(o.Alerts[0].Text, "Peer c could not fetch 2 pins") {
		t.Errorf("alerts: %+v", o.Alerts)
	}
}

// However many look at the same time, each peer is asked once.
func TestPeersAreAskedOnce(t *testing.T) {
	p := admit(t, "a", "b")
	for range 20 {
		p[0].look(t)
	}
	if asked := p[1].asked.Load(); asked > 2 { // one more if the machine has stood still for a second
		t.Errorf("asked %d times", asked)
	}
}

// A peer that is gone, and one that hangs, are shown as they were last, and soon.
func TestPeersThatDoNotAnswer(t *testing.T) {
	p := admit(t, "a", "gone", "hangs")
	p[1].vitals.Version, p[2].vitals.Version = "0.9", "0.9"
	p[0].look(t)
	p[0].member.Reach(p[1].member, "")
	p[2].hangs.Store(true)
	testkit.Eventually(t, proxytest.Patience, "both are seen to be gone", func() bool { return p[0].look(t).Answering() == 1 })
	o := p[0].look(t)
	for _, other := range p[1:] {
		seen := find(t, o, other)
		if seen.Answers() || seen.Version != "0.9" || seen.Seen.IsZero() {
			t.Errorf("%s: %+v", other.vitals.Name, seen)
		}
	}
	if len(o.Alerts) != 2 || !o.Alerts[0].Grave || o.Alerts[0].Text != "Peer gone does not answer." || o.Alerts[0].Since.IsZero() {
		t.Errorf("alerts: %+v", o.Alerts)
	}
}

// A peer that is cut off may believe in a leader of long ago; the others know better.
func TestTheLaterTermIsRight(t *testing.T) {
	p := admit(t, "a", "b", "c")
	p[0].vitals.Consensus = vitals.Consensus{Leader: p[0].member.ID().String(), Term: 3, Voter: true}
	p[1].vitals.Consensus = vitals.Consensus{Leader: p[2].member.ID().String(), Term: 4, Voter: true}
	p[2].vitals.Consensus = vitals.Consensus{Term: 4, Voter: true}
	if o := p[0].look(t); o.Leader != p[2].member.ID().String() || o.Term != 4 {
		t.Errorf("leader %s of term %d", o.Leader, o.Term)
	}
	for _, one := range p {
		one.vitals.Consensus = vitals.Consensus{Term: 5, Voter: true}
	}
	testkit.Eventually(t, proxytest.Patience, "nobody leads", func() bool { return p[0].look(t).Leader == "" })
	if o := p[0].look(t); len(o.Alerts) == 0 || !o.Alerts[0].Grave || !strings.Contains(o.Alerts[0].Text, "has no leader") {
		t.Errorf("alerts: %+v", o.Alerts)
	}
}

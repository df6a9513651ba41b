package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// fakeMachines is a cloud of one machine.
type fakeMachines struct {
	self  string
	fault error
	gone  map[string]bool
}

func (f *fakeMachines) Machine(context.Context) (string, error) { return f.self, f.fault }

func (f *fakeMachines) Gone(_ context.Context, machine string) error {
	if !f.gone[machine] {
		return errors.New("it runs")
	}
	return f.fault
}

// The slot of a record is what its peer says, unless an operator has removed the peer; older records name none. Whether the
// machine is gone nobody can tell of a record without one, or without a cloud.
func TestSlotsOfRecords(t *testing.T) {
	cloud := &fakeMachines{gone: map[string]bool{"1/eu/i-1": true}}
	for _, c := range []struct {
		name, record string
		machines     Machines
		slot         string
		gone         bool
	}{
		{"gone", `{"slot":"a","machine":"1/eu/i-1","addrs":null}`, cloud, "a", true},
		{"running", `{"slot":"a","machine":"1/eu/i-2","addrs":null}`, cloud, "a", false},
		{"no cloud", `{"slot":"a","machine":"1/eu/i-1","addrs":null}`, nil, "a", false},
		{"no machine", `{"slot":"a","addrs":null}`, cloud, "a", false},
		{"older version", `{"name":"prod-a","version":"v","addrs":["/ip4/192.0.2.1/tcp/1"]}`, cloud, "", false},
		{"removed", `{"slot":"a","machine":"1/eu/i-2","removed":true,"addrs":null}`, cloud, "", false},
		{"garbage", `{`, cloud, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Peer{opts: Options{Machines: c.machines}}
			record := consensus.MemberRecord{ID: testID(t), Record: []byte(c.record)}
			if slot, err := slotOf(record), p.gone(t.Context(), record); slot != c.slot || (err == nil) != c.gone {
				t.Errorf("slot %q, gone: %v", slot, err)
			}
		})
	}
}

// A machine's name is asked for until it is known, and then no more; that it is not is said once.
func TestMachineName(t *testing.T) {
	var log bytes.Buffer
	cloud := &fakeMachines{fault: errors.New("no answer")}
	m := machine{of: cloud, logger: slog.New(slog.NewTextHandler(&log, nil))}
	for range 3 {
		if got := m.name(t.Context()); got != "" {
			t.Errorf("the machine that nobody knows is %q", got)
		}
	}
	if n := strings.Count(log.String(), "no answer"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	cloud.self, cloud.fault = "1/eu/i-1", nil
	first := m.name(t.Context())
	cloud.self = "1/eu/i-2"
	if again := m.name(t.Context()); first != "1/eu/i-1" || again != first {
		t.Errorf("the machine is %q, then %q", first, again)
	}
	if none := (&machine{}).name(t.Context()); none != "" {
		t.Errorf("without a cloud the machine is %q", none)
	}
}

// OldRequest and oldMember are what versions without slots send and store; the RPC library wants the first one exported.
type (
	OldRequest struct{ Name, Version string }
	oldMember  struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		Addrs   []string `json:"addrs"`
		Removed bool     `json:"removed,omitempty"`
	}
	// oldService answers as such a version does.
	oldService struct {
		got chan OldRequest
		id  peer.ID
	}
)

// Join is called by the RPC library.
func (s *oldService) Join(_ context.Context, in OldRequest, out *JoinReply) error {
	s.got <- in
	out.Members = []peer.ID{s.id}
	return nil
}

// Peers with slots and peers of versions without them understand each other, in both directions.
func TestSlotsAmongOlderVersions(t *testing.T) {
	record, err := member{Name: "one", Version: "2", Slot: "a", Machine: "1/eu/i-1"}.encode()
	if err != nil {
		t.Fatal(err)
	}
	var old oldMember
	if err := json.Unmarshal(record, &old); err != nil || old.Name != "one" || old.Version != "2" || old.Removed {
		t.Errorf("an older version reads %+v, %v of %s", old, err, record)
	}

	there, here := connectedHosts(t)
	service := &oldService{make(chan OldRequest, 1), there.ID()}
	server := rpc.NewServer(there, serviceProtocol)
	if err := server.RegisterName("Peer", service); err != nil {
		t.Fatal(err)
	}
	var reply JoinReply
	client := rpc.NewClient(here, serviceProtocol)
	request := JoinRequest{Name: "one", Version: "2", Slot: "a", Machine: "1/eu/i-1"}
	if err := client.CallContext(t.Context(), there.ID(), "Peer", "Join", request, &reply); err != nil || len(reply.Members) != 1 {
		t.Fatalf("an older version answers %+v, %v", reply, err)
	}
	if got := <-service.got; got.Name != "one" || got.Version != "2" {
		t.Errorf("an older version has understood %+v", got)
	}

	joined := make(chan JoinRequest, 1)
	newer := newPeerService(Life{}, nil, func(_ context.Context, _ peer.ID, in JoinRequest) (JoinReply, error) {
		joined <- in
		return JoinReply{Members: []peer.ID{here.ID()}}, nil
	})
	t.Cleanup(newer.close)
	if _, err := newer.register(here); err != nil {
		t.Fatal(err)
	}
	err = rpc.NewClient(there, serviceProtocol).CallContext(t.Context(), here.ID(), "Peer", "Join", OldRequest{"two", "1"}, &reply)
	if got := <-joined; err != nil || got.Name != "two" || got.Slot != "" || got.Machine != "" {
		t.Errorf("an older version is understood as %+v, %v", got, err)
	}
}

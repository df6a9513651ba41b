package peer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/peer/reconcile"
)

// surveyedPins returns pins in the order of a survey.
func surveyedPins(t *testing.T, n int) []api.Pin {
	t.Helper()
	var pins []api.Pin
	for i := range n {
		hash, err := multihash.Sum([]byte{byte(i)}, multihash.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		pin := api.PinCid(api.NewCid(cid.NewCidV1(cid.Raw, hash)))
		pin.ReplicationFactorMin, pin.ReplicationFactorMax = -1, -1
		pin.Timestamp = time.Unix(int64(i+1), 0)
		pins = append(pins, pin)
	}
	slices.SortFunc(pins, func(a, b api.Pin) int { return bytes.Compare(a.Cid.Bytes(), b.Cid.Bytes()) })
	return pins
}

// accountOf tells the records, and then fails with end.
func accountOf(t *testing.T, end error, records ...surveyRecord) *account {
	t.Helper()
	var raw []byte
	for _, r := range records {
		raw = r.append(raw)
	}
	in := bufio.NewReader(bytes.NewReader(raw))
	id := testID(t)
	return &account{id: id, name: id.String(), self: api.PinInfoShort{PeerName: "name"}, next: func() (surveyRecord, error) {
		r, err := readSurveyRecord(in)
		if errors.Is(err, io.EOF) {
			err = end
		}
		return r, err
	}}
}

func differing(pin api.Pin, status api.TrackerStatus) surveyRecord {
	return surveyRecord{surveyDiffers, pin.Cid.KeyString(), api.PinInfoShort{Status: status, TS: time.Unix(5, 6), Error: "why", AttemptCount: 2}, pinstatus.Progress{Nodes: 3, Bytes: 4}}
}

// What members tell, and what they leave out, becomes the status of each pin.
func TestSurveyMergesAccounts(t *testing.T) {
	pins := surveyedPins(t, 6)
	gone := api.PinCid(pins[3].Cid) // told of, but not in the pinset any more
	asked := slices.Delete(slices.Clone(pins), 3, 4)
	whole := accountOf(t, errors.New("read too far"),
		differing(pins[1], api.TrackerStatusPinError), surveyRecord{kind: surveyPassed, key: pins[2].Cid.KeyString()},
		differing(gone, api.TrackerStatusPinning), differing(pins[4], api.TrackerStatusPinQueued), surveyRecord{kind: surveyEnd})
	cut := accountOf(t, errors.New("cut off"), surveyRecord{kind: surveyPassed, key: pins[1].Cid.KeyString()})
	want := map[*account][]api.TrackerStatus{
		whole: {api.TrackerStatusPinned, api.TrackerStatusPinError, api.TrackerStatusPinned, api.TrackerStatusPinQueued, api.TrackerStatusPinned},
		cut: {api.TrackerStatusPinned, api.TrackerStatusPinned,
			api.TrackerStatusClusterError, api.TrackerStatusClusterError, api.TrackerStatusClusterError},
	}
	for i, pin := range asked {
		info, matches := merge(pin, []*account{whole, cut}, api.TrackerStatusUndefined)
		if !matches || info.Cid != pin.Cid || len(info.PeerMap) != 2 {
			t.Fatalf("pin %d: got %+v, %v", i, info, matches)
		}
		for a, statuses := range want {
			got, fetched := info.PeerMap[a.name], info.Progress[a.name]
			if told := a == whole && statuses[i] != api.TrackerStatusPinned; told != (fetched == pinstatus.Progress{Nodes: 3, Bytes: 4}) {
				t.Errorf("pin %d: progress is %+v", i, fetched)
			}
			if got.Status != statuses[i] || got.PeerName != "name" {
				t.Errorf("pin %d: got %+v, want status %v", i, got, statuses[i])
			}
			if calm := got.Status == api.TrackerStatusPinned; calm && (!got.TS.Equal(pin.Timestamp) || got.Error != "") || !calm && got.Error == "" {
				t.Errorf("pin %d: got %+v", i, got)
			}
		}
	}
}

// A filter keeps the members whose status matches; one that cannot tell is named wherever another one matches.
func TestSurveyFilters(t *testing.T) {
	pins := surveyedPins(t, 2)
	told := accountOf(t, io.EOF, differing(pins[0], api.TrackerStatusPinError), surveyRecord{kind: surveyEnd})
	calm := accountOf(t, io.EOF, surveyRecord{kind: surveyEnd})
	away := accountOf(t, errors.New("away"))
	info, matches := merge(pins[0], []*account{told, calm, away}, api.TrackerStatusError)
	if !matches || len(info.PeerMap) != 2 || info.PeerMap[told.name].Status != api.TrackerStatusPinError || info.PeerMap[away.name].Error != "away" {
		t.Errorf("got %+v, %v", info.PeerMap, matches)
	}
	if info, matches := merge(pins[1], []*account{told, calm}, api.TrackerStatusError); matches {
		t.Errorf("nobody is in error, got %+v", info.PeerMap)
	}
}

func TestCalmFollowsAllocations(t *testing.T) {
	pin := surveyedPins(t, 1)[0]
	elsewhere := pin
	elsewhere.ReplicationFactorMin, elsewhere.ReplicationFactorMax, elsewhere.Allocations = 1, 1, []peer.ID{testID(t)}
	meta := pin
	meta.Type = api.MetaType
	for _, c := range []struct {
		pin  api.Pin
		want api.TrackerStatus
	}{{pin, api.TrackerStatusPinned}, {elsewhere, api.TrackerStatusRemote}, {meta, api.TrackerStatusSharded}} {
		a := accountOf(t, io.EOF, surveyRecord{kind: surveyEnd})
		if got, _ := a.of(c.pin); got.Status != c.want {
			t.Errorf("got %v, want %v", got.Status, c.want)
		}
	}
}

func TestSurveyQuestion(t *testing.T) {
	for _, want := range []reconcile.Survey{{}, {Index: 7}, {Index: 1 << 40, Cids: []api.Cid{surveyedPins(t, 1)[0].Cid, api.NewCid(cid.MustParse("bafkqablqnfxcama"))}}} {
		got, err := readSurvey(bufio.NewReader(bytes.NewReader(appendSurvey(nil, want))))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	lying := binary.AppendUvarint([]byte{1}, maxSurveyed+1)
	if _, err := readSurvey(bufio.NewReader(bytes.NewReader(lying))); err == nil {
		t.Error("a question with too many CIDs is taken")
	}
}

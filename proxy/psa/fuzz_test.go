package psa

import (
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
)

// FuzzRecord: what is stored is refused or reads the same when it is stored again.
func FuzzRecord(f *testing.F) {
	r := fullRequest(f)
	data, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(claim{requests: 2, made: 300}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := decodeClaim(consensus.Value{Key: "psa/c/x", Data: data}); err == nil {
			if again, err := decodeClaim(consensus.Value{Key: "psa/c/x", Data: c.encode()}); err != nil || again != c {
				t.Errorf("claim %+v became %+v, %v", c, again, err)
			}
		}
		got, err := decodeRecord(consensus.Value{Key: r.key(), Data: data})
		if err != nil {
			return
		}
		if got, err = got.whole(); err != nil {
			return
		}
		again, err := got.encode()
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		if twice, err := decodeRecord(consensus.Value{Key: r.key(), Data: again}); err != nil || twice.pin.Name != got.pin.Name {
			t.Errorf("decoded again as %+v, %v", twice, err)
		}
	})
}

// FuzzRequest: the parameters and the body of a request are refused, or lie within bounds and are stored as they came.
func FuzzRequest(f *testing.F) {
	for _, q := range []string{"cid=bafkqabtjnzwgs3tf,QmX&limit=3", "name=a&match=iexact", `meta={"a":"b"}&before=2020-07-27T17:32:28.5Z`} {
		f.Add(q, "")
	}
	f.Add("", `{"cid":"bafkqabtjnzwgs3tf","name":"n","origins":["/ip4/192.0.2.1/tcp/1/p2p/12D3KooWBdmLJjhpgJ9KZgLM3f894ff9xyBfPvPjFNn7MKJpyrC2"],"meta":{"k":"v"}}`)
	f.Add("", `{"cid":null,"meta":{"k":null}} {}`)
	f.Fuzz(func(t *testing.T, query, body string) {
		checkQuery(t, query)
		checkBody(t, body)
	})
}

func checkQuery(t *testing.T, s string) {
	values, err := url.ParseQuery(s)
	if err != nil {
		return
	}
	q, err := parseQuery(values)
	if err != nil {
		return
	}
	if q.limit < 1 || q.limit > maxLimit || len(q.cids) > maxCids || q.statuses == 0 {
		t.Errorf("%q is taken as %+v", s, q)
	}
	q.keys()
	if _, err := q.matches(record{request: request{pin: Pin{Cid: api.CidUndef}}, rest: []byte("{}")}); err != nil {
		t.Error(err)
	}
}

func checkBody(t *testing.T, body string) {
	pin, err := readPin(httptest.NewRecorder(), httptest.NewRequest("POST", "/pins", strings.NewReader(body)))
	if err != nil {
		return
	}
	made := request{newRequestID(at(5, 0)), pin}
	data, err := made.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRecord(consensus.Value{Key: made.key(), Data: data})
	if err == nil {
		got, err = got.whole()
	}
	if err != nil || got.pin.Name != pin.Name || !maps.Equal(got.pin.Meta, pin.Meta) || len(got.pin.Origins) != len(pin.Origins) || len(pin.Origins) > maxOrigins {
		t.Errorf("%q is stored as %+v, %v", body, got, err)
	}
}

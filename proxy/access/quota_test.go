package access

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/consensus/pinset"
)

// accountBehind returns for whom pins count behind the guard.
func accountBehind(r *rig, credential string) (account consensus.Account, counts bool) {
	handler := r.guard.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		account, counts = consensus.AccountOf(req.Context())
	}), Private)
	handler.ServeHTTP(httptest.NewRecorder(), r.request("POST", "/pins/x", credential, ""))
	return account, counts
}

// Pins count for the credential that has a quota, or for the one that it came from, with the limits as they are now.
func TestPinsCountForTheirCredential(t *testing.T) {
	r := newRigs(t, 2, withAdmin)
	id, token := r[0].token(adminToken, `"pin"`, `"max_pins": 3, "max_bytes": 4000`)
	_, free := r[0].token(adminToken, `"pin"`)
	r[0].want(201, "POST", "/access/users", adminToken, `{"name": "alice", "password": "correct horse", "scopes": ["pin"], "max_pins": 5}`)
	var child struct{ Token string }
	if err := json.Unmarshal([]byte(r[1].want(200, "POST", "/token", "alice:correct horse", "")), &child); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, credential string
		want             consensus.Account
	}{
		{"token", token, consensus.Account{Name: "token " + id, MaxPins: 3, MaxBytes: 4000}},
		{"user", "alice:correct horse", consensus.Account{Name: "user alice", MaxPins: 5}},
		{"token of a user", child.Token, consensus.Account{Name: "user alice", MaxPins: 5}},
		{"token without a quota", free, consensus.Account{}},
		{"administrator", adminToken, consensus.Account{}},
	} {
		if got, counts := accountBehind(r[1], c.credential); got != c.want || counts != (c.want.Name != "") {
			t.Errorf("%s: pins count for %+v, want %+v", c.name, got, c.want)
		}
	}
	r[1].want(200, "PUT", "/access/users/alice", adminToken, `{"max_bytes": 7, "max_pins": null}`)
	r[1].want(200, "PUT", "/access/tokens/"+id, adminToken, `{"max_pins": 1, "max_bytes": null}`)
	if got, _ := accountBehind(r[0], child.Token); got != (consensus.Account{Name: "user alice", MaxBytes: 7}) {
		t.Errorf("after a change, pins count for %+v", got)
	}
	if got, _ := accountBehind(r[0], token); got != (consensus.Account{Name: "token " + id, MaxPins: 1}) {
		t.Errorf("after a change, pins count for %+v", got)
	}
	r[1].want(200, "PUT", "/access/tokens/"+id, adminToken, `{"max_pins": null}`)
	if _, counts := accountBehind(r[0], token); counts {
		t.Error("without a quota, pins count")
	}
}

// What a credential keeps is shown to itself and to administrators.
func TestUsageIsShown(t *testing.T) {
	r := newRigs(t, 2, withAdmin)
	id, token := r[0].token(adminToken, `"read"`, `"max_pins": 3`)
	c, err := cid.Decode("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
	if err != nil {
		t.Fatal(err)
	}
	pin := consensus.PinOp(api.PinCid(api.NewCid(c))).For(pinset.Charge{Account: "token " + id, MaxPins: 3, Bytes: 12, Known: true})
	if done, err := r[0].values.CommitAtomic(t.Context(), pin); err != nil || done.Errs[0] != nil {
		t.Fatal(err, done.Errs)
	}
	const want = `"max_pins":3,"used":{"pins":1,"bytes":12}`
	for path, credential := range map[string]string{
		"/access/self": token, "/access/tokens": adminToken, "/access/tokens/" + id: adminToken,
	} {
		if got := r[1].want(200, "GET", path, credential, ""); !strings.Contains(got, want) {
			t.Errorf("%s: %s lacks %s", path, got, want)
		}
	}
	if got := r[1].want(200, "GET", "/access/self", adminToken, ""); strings.Contains(got, "used") {
		t.Errorf("the administrator has a quota: %s", got)
	}
}

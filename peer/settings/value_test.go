package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/seal"
)

// FuzzValue: nothing can be read that was not sealed for its key, and what was sealed is one change of the place that the
// key names, which has one key.
func FuzzValue(f *testing.F) {
	f.Add(Path{"Pinning", "RemoteServices", "a/b%"}.key(), []byte(`{"value":{"API":{"Key":"secret"}}}`))
	f.Add(space+"Addresses", []byte(`{}`))
	f.Add(space+"%zz", []byte(`null`))
	f.Add("other/x", []byte(`{"value":1e999}`))
	sealer, err := seal.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string, raw []byte) {
		if _, err := sealer.Open(key, raw); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%q is opened: %v", raw, err)
		}
		sealed := sealer.Seal(key, raw)
		if _, err := sealer.Open(key+"x", sealed); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("what was sealed for %q is opened for another place: %v", key, err)
		}
		c, err := openValue(consensus.Value{Key: key, Data: sealed}, sealer)
		if err != nil {
			return
		}
		if again, err := parseKey(c.Path.key()); err != nil || !slices.Equal(again, c.Path) {
			t.Errorf("%q became %q, %v", c.Path, again, err)
		}
		if _, err := json.Marshal(c.Value); err != nil || c.Removed && c.Value != nil {
			t.Errorf("the change is %+v: %v", c, err)
		}
	})
}

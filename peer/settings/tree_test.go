package settings

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// names of members as they come, and as they could: with what separates paths and escapes, empty, in several casings.
var memberNames = []string{"A", "B", "a", "a.b", "x/y", "%", "%2F", "", "é", "*"}

func randomTree(r *rand.Rand, depth int) Tree {
	tree := make(Tree)
	for range r.IntN(4) {
		tree[memberNames[r.IntN(len(memberNames))]] = randomValue(r, depth)
	}
	return tree
}

func randomValue(r *rand.Rand, depth int) any {
	if depth > 0 && r.IntN(2) == 0 {
		return randomTree(r, depth-1)
	}
	return []any{nil, true, "text", 1.5, []any{}, []any{"x", Tree{"in": "list"}}, Tree{}}[r.IntN(7)]
}

// mutate changes a few things of a tree.
func mutate(r *rand.Rand, tree Tree) Tree {
	after := make(Tree)
	for name, value := range tree {
		below, isTree := value.(Tree)
		switch {
		case r.IntN(6) == 0: // gone
		case r.IntN(6) == 0:
			after[name] = randomValue(r, 2)
		case isTree:
			after[name] = mutate(r, below)
		default:
			after[name] = value
		}
	}
	if r.IntN(3) == 0 {
		after[memberNames[r.IntN(len(memberNames))]] = randomValue(r, 2)
	}
	return after
}

func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestDiffMakesTheOtherTree(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 1))
		before := randomTree(r, 3)
		after := mutate(r, before)
		if seed%5 == 0 {
			after = randomTree(r, 3) // nothing in common
		}
		was := text(t, before)
		changes := Diff(before, after)
		if got := Apply(before, changes); !reflect.DeepEqual(got, after) {
			t.Fatalf("seed %d: %s with %v is %s, want %s", seed, was, changes, text(t, got), text(t, after))
		}
		if text(t, before) != was {
			t.Fatalf("seed %d: the tree before has changed", seed)
		}
		if (len(changes) == 0) != reflect.DeepEqual(before, after) {
			t.Fatalf("seed %d: %d changes", seed, len(changes))
		}
		for _, c := range changes {
			if value, ok := c.Value.(Tree); ok && len(value) > 0 {
				t.Fatalf("seed %d: %s is set to an object with members", seed, c.Path)
			}
		}
	}
}

// What each of many changes leaves is what all of them together make of the first tree, through the replicated values.
func TestOverlayMakesWhatItsChangesMade(t *testing.T) {
	sealer := testSealer(t)
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		base := randomTree(r, 3)
		tree, cluster := base, newFakeCluster()
		for step := range 8 {
			over, err := open(cluster.list(), sealer)
			if err != nil {
				t.Fatal(err)
			}
			if got := Apply(base, over.changes); !reflect.DeepEqual(got, tree) {
				t.Fatalf("seed %d, after %d changes: %s, want %s", seed, step, text(t, got), text(t, tree))
			}
			next := mutate(r, tree)
			changes := Diff(tree, next)
			if got := Apply(base, over.with(changes).changes); !reflect.DeepEqual(got, next) {
				t.Fatalf("seed %d, change %d: %s, want %s", seed, step, text(t, got), text(t, next))
			}
			ops, err := over.ops(changes, sealer)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cluster.CommitAtomic(t.Context(), ops...); err != nil {
				t.Fatal(err)
			}
			tree = next
		}
	}
}

func TestApply(t *testing.T) {
	tests := []struct {
		name    string
		tree    string
		changes []Change
		want    string
	}{
		{"set", `{"a":1}`, []Change{{Path: Path{"b"}, Value: 2.0}}, `{"a":1,"b":2}`},
		{"set below", `{"a":{"x":1}}`, []Change{{Path: Path{"a", "y"}, Value: nil}}, `{"a":{"x":1,"y":null}}`},
		{"set below what is no object", `{"a":1}`, []Change{{Path: Path{"a", "y"}, Value: 2.0}}, `{"a":{"y":2}}`},
		{"set below what is absent", `{}`, []Change{{Path: Path{"a", "y"}, Value: 2.0}}, `{"a":{"y":2}}`},
		{"remove", `{"a":1,"b":2}`, []Change{{Path: Path{"a"}, Removed: true}}, `{"b":2}`},
		{"remove what is absent", `{"b":2}`, []Change{{Path: Path{"a"}, Removed: true}}, `{"b":2}`},
		{"remove the last member", `{"a":{"x":1}}`, []Change{{Path: Path{"a", "x"}, Removed: true}}, `{"a":{}}`},
		{"remove all, then set one", `{"a":{"x":1}}`, []Change{{Path: Path{"a"}, Removed: true}, {Path: Path{"a", "y"}, Value: 2.0}}, `{"a":{"y":2}}`},
		{"an object in place of another", `{"a":{"x":1}}`, []Change{{Path: Path{"a"}, Value: Tree{}}, {Path: Path{"a", "y"}, Value: 2.0}}, `{"a":{"y":2}}`},
		{"an object in place of a value", `{"a":1}`, []Change{{Path: Path{"a"}, Value: Tree{}}}, `{"a":{}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tree Tree
			if err := json.Unmarshal([]byte(tt.tree), &tree); err != nil {
				t.Fatal(err)
			}
			if got := text(t, Apply(tree, tt.changes)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := text(t, tree); got != tt.tree {
				t.Errorf("the tree is now %s", got)
			}
		})
	}
}

func TestKeysOfPaths(t *testing.T) {
	seen := map[string]Path{versionKey: nil}
	var paths []Path
	for _, a := range memberNames {
		paths = append(paths, Path{a})
		for _, b := range memberNames {
			paths = append(paths, Path{a, b}, Path{a, b, a})
		}
	}
	for _, p := range paths {
		key := p.key()
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have the key %s", p, other, key)
		}
		seen[key] = p
		if got, err := parseKey(key); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%q is %q after a round trip, error %v", p, got, err)
		}
	}
	for _, key := range []string{"", "setting", "other/x", versionKey, "setting/%zz"} {
		if p, err := parseKey(key); err == nil {
			t.Errorf("the key %q is read as %q", key, p)
		}
	}
}

func ExamplePath_String() {
	fmt.Println(Path{"Pinning", "RemoteServices", "my.service"})
	// Output: Pinning.RemoteServices.my.service
}

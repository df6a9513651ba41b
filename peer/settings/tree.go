package settings

import (
	"maps"
	"reflect"
	"slices"
)

// Tree is a configuration as it stands in a JSON file.
type Tree = map[string]any

// Change is what becomes of one path of a tree. A value is never an object with members: those have changes of their own.
type Change struct {
	Path    Path
	Removed bool
	Value   any
}

// Diff lists what makes after of before, in the order of the paths: Apply(before, Diff(before, after)) equals after.
func Diff(before, after Tree) []Change { return diff(nil, nil, before, after) }

func diff(changes []Change, at Path, before, after Tree) []Change {
	names := maps.Clone(before)
	if names == nil {
		names = make(Tree)
	}
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		path := at.below(name)
		was, had := before[name]
		is, has := after[name]
		wasTree, wasObject := was.(Tree)
		isTree, isObject := is.(Tree)
		switch {
		case !has:
			changes = append(changes, Change{Path: path, Removed: true})
		case isObject && (wasObject || len(isTree) > 0):
			changes = diff(changes, path, wasTree, isTree)
		case !had || !reflect.DeepEqual(was, is):
			changes = append(changes, Change{Path: path, Value: is})
		}
	}
	return changes
}

// Apply returns the tree with the changes made, which must be in the order of their paths. What stands where a path needs
// an object gives way to one. The tree itself stays as it was.
func Apply(tree Tree, changes []Change) Tree {
	tree = clone(tree)
	for _, c := range changes {
		at := tree
		last := len(c.Path) - 1
		for _, name := range c.Path[:last] {
			below, ok := at[name].(Tree)
			if !ok {
				below = make(Tree)
				at[name] = below
			}
			at = below
		}
		if c.Removed {
			delete(at, c.Path[last])
			continue
		}
		at[c.Path[last]] = copied(c.Value)
	}
	return tree
}

func clone(tree Tree) Tree {
	copies := make(Tree, len(tree))
	for name, value := range tree {
		copies[name] = copied(value)
	}
	return copies
}

// copied is a value of which a tree may be changed. Lists are never changed.
func copied(value any) any {
	if below, ok := value.(Tree); ok {
		return clone(below)
	}
	return value
}

// lookup returns what a tree has at a path.
func lookup(tree Tree, path Path) (value any, ok bool) {
	value = tree
	for _, name := range path {
		at, isTree := value.(Tree)
		if value, ok = at[name]; !isTree || !ok {
			return nil, false
		}
	}
	return value, true
}

// carry lists what makes a tree at some paths, none of which leads to another, what it is there in from.
func carry(tree, from Tree, paths []Path) (changes []Change) {
	for _, path := range paths {
		value, ok := lookup(from, path)
		if ok {
			changes = append(changes, Change{Path: path, Value: value})
		} else if _, there := lookup(tree, path); there {
			changes = append(changes, Change{Path: path, Removed: true})
		}
	}
	return changes
}

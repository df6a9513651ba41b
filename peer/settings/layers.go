package settings

import (
	"errors"
	"fmt"
	"reflect"

	kuboconfig "github.com/ipfs/kubo/config"
)

// perPeer are the settings that each peer has for itself.
func perPeer() []Path {
	return []Path{{"Identity"}, {"Addresses"}, {"Datastore", "Spec"}, {"Mounts"}}
}

// private are the settings that keep a node out of the public network when it shall not be there. What only names others,
// such as Bootstrap, may be changed: it leads to nobody who was not named.
func private() []Path {
	return []Path{
		{"AutoConf"}, {"AutoTLS"}, {"AutoNAT", "ServiceMode"}, {"Discovery", "MDNS", "Enabled"}, {"HTTPRetrieval", "Enabled"},
		{"Provide", "Enabled"}, {"Routing", "Type"}, {"Routing", "LoopbackAddressesOnLanDHT"}, {"Swarm", "DisableNatPortMap"},
		{"Swarm", "EnableHolePunching"}, {"Swarm", "RelayClient", "Enabled"}, {"Swarm", "RelayService", "Enabled"},
	}
}

// layers make the configuration of a peer's node of its default one.
type layers struct {
	public bool                           // the node joins the public network
	own    func(*kuboconfig.Config) error // lays the operator's own configuration over another; may be nil
	base   Tree                           // the default
}

// firm lists the paths that the API cannot change on this peer.
func (l layers) firm() []Path {
	if l.public {
		return perPeer()
	}
	return append(perPeer(), private()...)
}

// effective lays replicated settings over the default, what each peer has for itself over them, and the operator's own
// configuration over it all. The error says why no node could start with the result.
func (l layers) effective(over overlay) (Tree, error) {
	tree := Apply(l.base, over.changes)
	tree = Apply(tree, carry(tree, l.base, l.firm()))
	own, err := l.ownChanges(tree)
	if err != nil {
		return nil, err
	}
	tree = Apply(tree, own)
	return tree, l.check(tree)
}

// errCasing reports names that the file tells apart and kubo does not.
var errCasing = errors.New("a setting stands there twice, in different casing")

// check finds names in another casing than kubo's by which a tree says something else than its layers do.
func (l layers) check(tree Tree) error {
	own, err := l.ownChanges(tree)
	if err != nil {
		return err
	}
	if len(own) > 0 {
		return fmt.Errorf("%s: %w", own[0].Path, errCasing)
	}
	conf, err := kuboconfig.FromMap(tree)
	if err != nil {
		return err
	}
	read, err := kuboconfig.ToMap(conf)
	if err != nil {
		return err
	}
	for _, path := range l.firm() {
		stands, _ := lookup(tree, path)
		if is, _ := lookup(read, path); !reflect.DeepEqual(is, stands) {
			return fmt.Errorf("%s: %w", path, errCasing)
		}
	}
	return nil
}

// ownChanges lists what the operator's own configuration changes in a tree.
func (l layers) ownChanges(tree Tree) ([]Change, error) {
	conf, err := kuboconfig.FromMap(tree)
	if err != nil {
		return nil, err
	}
	if l.own == nil {
		return nil, nil
	}
	before, err := kuboconfig.ToMap(conf)
	if err != nil {
		return nil, err
	}
	if err := l.own(conf); err != nil {
		return nil, err
	}
	after, err := kuboconfig.ToMap(conf)
	if err != nil {
		return nil, err
	}
	return Diff(before, after), nil
}

// refuse returns why a peer's node cannot have a configuration that was asked for, if next is the one that it would get, or nil.
func (l layers) refuse(changes []Change, asked, next Tree) error {
	for _, c := range changes {
		want, there := lookup(asked, c.Path)
		got, has := lookup(next, c.Path)
		if there == has && reflect.DeepEqual(want, got) {
			continue
		}
		if path, ok := touched(perPeer(), c.Path); ok {
			return refusal{fmt.Errorf("%s is each peer's own and cannot be changed through the API; "+
				"set it in the configuration of the peers", path)}
		}
		if path, ok := touched(l.firm(), c.Path); ok {
			return refusal{fmt.Errorf("%s keeps the node out of the public network (public_network is false) and cannot be changed "+
				"through the API; set it in the configuration of the peers", path)}
		}
		return refusal{fmt.Errorf("%s is set by this peer's own configuration (ipfs.%[1]s) and cannot be changed through the API", c.Path)}
	}
	return nil
}

// touched finds the setting that a change at a path changes, if one of those listed is there, above or below.
func touched(list []Path, at Path) (Path, bool) {
	for _, path := range list {
		if at.within(path) {
			return at, true
		}
		if path.within(at) {
			return path, true
		}
	}
	return nil, false
}

package console

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
)

// Measures of the picture of the connections: the peers stand on a circle, each with its node on a smaller one within.
const (
	graphWidth, graphHeight = 560, 420
	graphPeers, graphNodes  = 150, 62 // radii
	graphNames              = 20      // from a peer to its name
	longestName             = 13
)

// graphData is the picture of who is connected to whom, and the same in words.
type graphData struct {
	Width, Height int
	Said          string
	Peers         []graphPeer
	Links         []graphLink
}

// graphPeer is a peer and its node.
type graphPeer struct {
	ID, Label, Short   string
	Node               string // the ID of the node; empty: unknown
	Answers            bool
	At, NodeAt, NameAt point
	Anchor             string // of the name, in terms of SVG
	Others, Nodes      string // to whom the peer is connected, and its node, in words
}

type point struct{ X, Y int }

// graphLink is a connection, or one that should be.
type graphLink struct {
	Kind     string // between peers, between nodes, or between a peer and its own node
	State    string // good; warn: only one side has it; bad: nobody has it
	Text     string
	From, To point
}

// The kinds of links.
const (
	betweenPeers = "peers"
	betweenNodes = "nodes"
	ownNode      = "own"
)

// newGraph draws all links that should be, between any two peers and any two nodes, each as it is.
func newGraph(links member.Answers[vitals.Links]) graphData {
	g := graphData{Width: graphWidth, Height: graphHeight}
	for i := range links.All {
		g.Peers = append(g.Peers, placed(newGraphPeer(links, i), i, len(links.All)))
	}
	var missing []string
	add := func(kind, state, text string, from, to point) {
		g.Links = append(g.Links, graphLink{Kind: kind, State: state, Text: text, From: from, To: to})
		if state != "good" && kind != ownNode {
			missing = append(missing, text)
		}
	}
	for i, p := range g.Peers {
		state := "good"
		if !p.Answers {
			state = "bad"
		}
		add(ownNode, state, p.Label+" and its node", p.At, p.NodeAt)
		for j, q := range g.Peers[:i] {
			add(betweenPeers, linkState(peerHas(links, i, j), peerHas(links, j, i)), q.Label+" and "+p.Label, p.At, q.At)
			add(betweenNodes, linkState(nodeHas(links, i, j), nodeHas(links, j, i)), "the nodes of "+q.Label+" and "+p.Label, p.NodeAt, q.NodeAt)
		}
	}
	g.Said = human.Plural(len(g.Peers), "peer") + ", each with its node. "
	switch {
	case len(g.Peers) < 2:
	case len(missing) == 0:
		g.Said += "All are connected with each other."
	default:
		g.Said += fmt.Sprintf("%s of %d missing, or seen by one side only: between %s.",
			human.Plural(len(missing), "connection"), len(g.Peers)*(len(g.Peers)-1), strings.Join(missing, "; "))
	}
	return g
}

// newGraphPeer says of a peer to whom it is connected.
func newGraphPeer(links member.Answers[vitals.Links], i int) graphPeer {
	a := links.All[i]
	p := graphPeer{ID: a.ID.String(), Label: a.Label(), Short: a.Label(), Node: a.Said.Node, Answers: a.Fault == nil, Others: unknown, Nodes: unknown}
	if name := []rune(p.Label); len(name) > longestName {
		p.Short = string(name[:longestName]) + "…"
	}
	if !p.Answers {
		return p
	}
	var noPeer, noNode []string
	for j, other := range links.All {
		if j != i && !peerHas(links, i, j) {
			noPeer = append(noPeer, other.Label())
		}
		if j != i && !nodeHas(links, i, j) {
			noNode = append(noNode, other.Label())
		}
	}
	others := len(links.All) - 1
	p.Others, p.Nodes = reached(others, noPeer), reached(others, noNode)
	if beyond := len(a.Said.Swarm) - (others - len(noNode)); beyond > 0 {
		p.Nodes += fmt.Sprintf(", and %d outside", beyond)
	}
	return p
}

// reached says how many of others are connected.
func reached(others int, without []string) string {
	text := fmt.Sprintf("%d of %d", others-len(without), others)
	if len(without) > 0 {
		text += "; not " + strings.Join(without, ", ")
	}
	return text
}

// peerHas tells whether a peer says that it is connected to another.
func peerHas(links member.Answers[vitals.Links], i, other int) bool {
	return links.All[i].Fault == nil && slices.Contains(links.All[i].Said.Peers, links.All[other].ID.String())
}

// nodeHas tells whether a peer's node is known to be connected to that of another.
func nodeHas(links member.Answers[vitals.Links], i, other int) bool {
	node := links.All[other].Said.Node
	return links.All[i].Fault == nil && node != "" && slices.Contains(links.All[i].Said.Swarm, node)
}

func linkState(one, other bool) string {
	switch {
	case one && other:
		return "good"
	case one || other:
		return "warn"
	}
	return "bad"
}

// placed puts a peer, the ith of n, in its place. The inner circle is turned a little, or links would lie on each other.
func placed(p graphPeer, i, n int) graphPeer {
	step := 2 * math.Pi / float64(n)
	angle := float64(i)*step - math.Pi/2
	inner := angle + min(0.3, step/3)
	on := func(radius, angle float64) point {
		return point{int(math.Round(graphWidth/2 + radius*math.Cos(angle))), int(math.Round(graphHeight/2 + radius*math.Sin(angle)))}
	}
	p.At, p.NodeAt, p.NameAt = on(graphPeers, angle), on(graphNodes, inner), on(graphPeers+graphNames, angle)
	p.NameAt.Y += 5 // half of the height of a letter
	switch x := math.Cos(angle); {
	case x > 0.3:
		p.Anchor = "start"
	case x < -0.3:
		p.Anchor = "end"
	default:
		p.Anchor = "middle"
	}
	return p
}

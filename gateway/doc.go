// Package gateway serves IPFS content over HTTP to the public: the paths /ipfs/ and /ipns/, and content
// subdomains, of one kubo node.
//
// It promises what kubo's own gateway promises (it is the same handler from boxo, with the node's Gateway settings),
// plus pages for people (package pages) and /healthz and /readyz for load balancers. It serves nothing else: no API, no
// metrics, no profiles, so the listener may face the internet.
//
// It does not promise that content is pinned here, nor does it care about the state of the cluster: blocks that this
// peer lacks come through the node's exchange, and everything that is immutable stays available without a quorum.
//
// Start reading at New, and at newHandler for the layers of a request.
package gateway

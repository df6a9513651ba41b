// Package gatewayspec holds the rules of the IPFS gateway specifications in a form that tests walk: each rule is a request
// and what its answer has to be.
//
// New makes the content that the rules ask for; a test stores it in whatever it tests, under the host names and DNSLinks
// that Hosts and DNSLinks name, and hands Rules and an address to Run. So the same rules hold a handler in a test's own
// process and a cluster behind a balancer to the specifications.
//
// The rules are grouped as the specifications are, a file for each: path gateways, subdomain gateways, DNSLink gateways,
// trustless gateways, web redirects files. What HTTP itself says of conditions and ranges is among them.
//
// Only tests import it. Start reading at Rule.
package gatewayspec

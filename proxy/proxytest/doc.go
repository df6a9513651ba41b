// Package proxytest holds what the tests of the private APIs share: a network between the peers, servers and requests.
package proxytest

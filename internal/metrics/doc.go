// Package metrics is what every part of the program needs to be seen by Prometheus: one output made of several registries,
// collectors that read a state when they are asked, and a layer that counts HTTP requests.
//
// Promise: labels come from tables of this program. Nothing that a client or another peer has chosen becomes one, so the
// number of series is bounded.
package metrics

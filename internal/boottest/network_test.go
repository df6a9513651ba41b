package boottest

import (
	"errors"
	"fmt"
)

// The addresses of the network. A machine has one of 10.77.1.0/24; the test itself is at the others.
const (
	regionAddr   = "10.77.0.1"
	balancerAddr = "10.77.0.2"
	imdsAddr     = "169.254.169.254"
)

// makeNetwork makes the network of the machines, a bridge. It has a hardware address of its own: else it would take that of a port, and
// when this one goes machines would send to nobody for a while.
func makeNetwork() error {
	return errors.Join(
		ip("link", "set", "lo", "up"),
		ip("link", "add", "vpc", "address", "02:00:0a:4d:00:01", "type", "bridge"),
		ip("addr", "add", regionAddr+"/16", "dev", "vpc"),
		ip("addr", "add", balancerAddr+"/16", "dev", "vpc"),
		ip("addr", "add", imdsAddr+"/32", "dev", "vpc"),
		ip("link", "set", "vpc", "up"),
	)
}

// plug makes a network namespace with an address in the network, which has no way out of it.
func plug(namespace, addr string, number int) error {
	port := portOf(number)
	return errors.Join(
		ip("netns", "add", namespace),
		ip("link", "add", port, "type", "veth", "peer", "name", "ens5", "netns", namespace),
		ip("link", "set", port, "master", "vpc", "up"),
		ip("-n", namespace, "link", "set", "lo", "up"),
		ip("-n", namespace, "addr", "add", addr+"/16", "dev", "ens5"),
		ip("-n", namespace, "link", "set", "ens5", "up"),
		ip("-n", namespace, "route", "add", imdsAddr, "dev", "ens5"),
	)
}

// unplug takes the namespace away, and the port.
func unplug(namespace string, number int) error {
	return errors.Join(ip("link", "del", portOf(number)), ip("netns", "del", namespace))
}

func portOf(number int) string { return fmt.Sprintf("port%d", number) }

// cut lets a machine reach an address no more, mend again.
func cut(namespace, addr string) error { return ip("-n", namespace, "route", "add", "blackhole", addr) }

func mend(namespace, addr string) error {
	return ip("-n", namespace, "route", "del", "blackhole", addr)
}

func ip(args ...string) error {
	_, err := command("ip", args...)
	return err
}

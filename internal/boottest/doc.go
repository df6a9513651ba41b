// Package boottest boots what deploy/aws describes: Debian machines with the user data of the template, each with a disk of its own,
// which find each other, form a cluster and serve behind load balancers. It holds tests only, which `make test-boot` runs as root.
//
// A machine is a container of systemd-nspawn with an address and a disk of its own (instance_test.go). It sees a region of AWS: the
// metadata of its instance (imds_test.go), and as much of EC2, Systems Manager and CloudFormation as the program asks for
// (region_test.go, calls_test.go). HAProxy does what the load balancers do (balancer_test.go).
//
// Everything is in namespaces of its own (main_test.go): no other address is reachable from there, and when the tests end, however
// they end, the kernel takes away processes, networks, mounts and disks.
package boottest

// Package sim is the world around a simulated peer, for tests: a network and
// disks in memory, whose faults the test commands. Everything waits on timers
// and channels only, so that it runs in the virtual time of testing/synctest.
//
// It promises what real peers have: a stream delivers bytes in order or breaks,
// a log entry that was acknowledged survives a crash, everything else on a disk
// may be lost in one. It does not model bandwidth, nor disks that lie.
//
// Start with network.go for the faults of the network, disk.go for crashes.
package sim

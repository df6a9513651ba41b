package httpserver

import (
	"errors"

	"golang.org/x/sys/unix"
)

// tcpFlags is where a TCP header has its flags.
const (
	tcpFlags = 13
	flagSYN  = 0x02
	flagACK  = 0x10
)

// ignoreNew has the kernel drop what begins a connection from now on, while those that are being established go on. The
// others try again after a second, and are refused then if the port is closed.
func ignoreNew(l queued) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: tcpFlags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: flagSYN | flagACK},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: flagSYN, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},          // nothing of the packet
		{Code: unix.BPF_RET | unix.BPF_K, K: ^uint32(0)}, // all of it
	}
	return control(l, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	})
}

// waiting tells whether a connection waits to be accepted.
func waiting(l queued) bool {
	n := 0
	err := control(l, func(fd int) (err error) {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err
	})
	return n > 0 || errors.Is(err, unix.EINTR) // a signal: look again
}

// control calls f with the listener's descriptor.
func control(l queued, f func(fd int) error) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) { failure = f(int(fd)) })
	return errors.Join(err, failure)
}

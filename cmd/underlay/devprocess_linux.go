package main

import "syscall"

// childAttributes keep Ctrl-C at the terminal from reaching the children, which their parent stops in order, and end
// them when the parent is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

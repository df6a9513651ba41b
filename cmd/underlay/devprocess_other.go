//go:build !linux

package main

import "syscall"

// childAttributes keep Ctrl-C at the terminal from reaching the children, which their parent stops in order.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

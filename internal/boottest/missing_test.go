package boottest

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// missing says why no machine can boot here; empty: one can.
func missing() string {
	if os.Geteuid() != 0 {
		return "booting machines needs root"
	}
	lacks := make(map[string]bool)
	for tool, pkg := range map[string]string{
		"systemd-nspawn": "systemd-container", "debootstrap": "debootstrap", "ip": "iproute2", "losetup": "util-linux", "nsenter": "util-linux",
		"haproxy": "haproxy",
	} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks[pkg] = true
		}
	}
	if len(lacks) > 0 {
		return "booting machines needs tools: apt-get install " + strings.Join(slices.Sorted(maps.Keys(lacks)), " ")
	}
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID}
	if err := probe.Run(); err != nil {
		return fmt.Sprintf("booting machines needs namespaces, which cannot be made here: %v", err)
	}
	if out, err := command("losetup", "--find"); err != nil {
		return "booting machines needs loop devices, and there are none: " + out
	}
	if raw, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(raw), "\toverlay\n") {
		return "booting machines needs overlayfs, which this kernel does not have"
	}
	return ""
}

package boottest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// instance is a machine: a container with a root file system of its own over the image, and the disks that are attached to it.
type instance struct {
	t        *testing.T
	number   int
	id       string
	slot     string
	volume   *volume // that its tag names; whether it has it, EC2 knows
	userData string

	addr  string // changes when it is started again
	state string // both are guarded by the region's lock

	root, disks string    // directories
	booted      time.Time // the last time

	plugged   bool // into the network
	container *exec.Cmd
	ended     chan struct{} // closed when the container has ended
}

// newInstance prepares a machine that was never started.
func newInstance(t *testing.T, number int, slot string, v *volume, userData string) *instance {
	t.Helper()
	dir := t.TempDir()
	i := &instance{
		t: t, number: number, id: fmt.Sprintf("i-%017x", number), slot: slot, volume: v, userData: userData,
		root: filepath.Join(dir, "root"), disks: filepath.Join(dir, "disks"),
	}
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{i.root, i.disks, upper, work} {
		i.check(os.Mkdir(d, 0o755))
	}
	i.check(mount("overlay", i.root, "overlay", 0, "lowerdir="+os.Getenv(imageVar)+",upperdir="+upper+",workdir="+work))
	t.Cleanup(func() {
		switch {
		case i.container != nil:
			i.crash()
		case i.plugged:
			i.check(i.unplug())
		}
		if t.Failed() {
			t.Logf("%s in slot %s:\n%s", i.id, slot, i.journal())
		}
		if err := syscall.Unmount(i.root, 0); err != nil {
			t.Errorf("unmount the root of %s: %v", i.id, err)
		}
	})
	return i
}

func (i *instance) check(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatalf("%s in slot %s: %v", i.id, i.slot, err)
	}
}

// plugIn gives the machine its place in the network.
func (i *instance) plugIn() error {
	i.plugged = true
	return plug(i.id, i.addr, i.number)
}

func (i *instance) unplug() error {
	i.plugged = false
	return unplug(i.id, i.number)
}

// boot starts the machine, which is plugged in and not running.
func (i *instance) boot() {
	i.t.Helper()
	console, err := os.OpenFile(filepath.Join(filepath.Dir(i.root), "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	i.check(err)
	defer console.Close()
	i.container = exec.Command("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off",
		"--timezone=off", "--link-journal=no", "--machine="+i.id, "--directory="+i.root, "--network-namespace-path=/run/netns/"+i.id,
		"--bind="+i.disks+":/dev/disk/by-id")
	i.container.Stdout, i.container.Stderr = console, console
	i.ended = make(chan struct{})
	i.booted = time.Now()
	i.check(i.container.Start())
	go func(c *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = c.Wait() // whatever its status, it has ended
	}(i.container, i.ended)
}

// init returns the process that is the first one of the machine.
func (i *instance) init() (int, error) {
	pid := i.container.Process.Pid
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	if len(bytes.Fields(raw)) != 1 {
		return 0, fmt.Errorf("%s has no first process: %q", i.id, raw)
	}
	return strconv.Atoi(string(bytes.TrimSpace(raw)))
}

// run runs a program on the machine.
func (i *instance) run(args ...string) (string, error) {
	init, err := i.init()
	if err != nil {
		return "", err
	}
	return command("nsenter", append([]string{"--target", strconv.Itoa(init), "--mount", "--uts", "--ipc", "--net", "--pid"}, args...)...)
}

// shutDown tells the machine to shut down in an orderly way.
func (i *instance) shutDown() {
	i.t.Helper()
	i.check(i.container.Process.Signal(syscall.SIGTERM))
}

// crash ends all processes of the machine at once.
func (i *instance) crash() {
	i.t.Helper()
	if init, err := i.init(); err == nil {
		_ = syscall.Kill(init, syscall.SIGKILL) // fails when it has just ended
	} else {
		_ = i.container.Process.Kill() // likewise
	}
	i.await(10 * time.Second)
}

// await waits until the machine is off.
func (i *instance) await(limit time.Duration) {
	i.t.Helper()
	itest.Eventually(i.t, limit, func() error {
		select {
		case <-i.ended:
			return nil
		default:
			return fmt.Errorf("%s in slot %s still runs", i.id, i.slot)
		}
	})
	i.container = nil
	i.check(i.unplug())
}

// journal returns the end of what the machine has logged.
func (i *instance) journal(units ...string) string {
	args := []string{"--directory=" + filepath.Join(i.root, "var/log/journal"), "--no-pager", "--lines=150", "--output=short-precise"}
	for _, u := range units {
		args = append(args, "--unit="+u)
	}
	out, err := command("journalctl", args...)
	if err != nil {
		out += err.Error()
	}
	return out
}

// says returns nil if a unit has logged a text.
func (i *instance) says(unit, text string) error {
	if log := i.journal(unit); !strings.Contains(log, text) {
		return fmt.Errorf("%s of %s in slot %s does not say %q:\n%s", unit, i.id, i.slot, text, log)
	}
	return nil
}

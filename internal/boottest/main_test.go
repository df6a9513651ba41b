package boottest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
)

// What the processes of a run tell each other in their environment.
const (
	stageVar    = "UNDERLAY_BOOT"          // empty: the tests are not wanted; inside: in namespaces of their own
	skipVar     = "UNDERLAY_BOOT_SKIP"     // why no machine can boot here
	imageVar    = "UNDERLAY_BOOT_IMAGE"    // the root file system of all machines
	packageVar  = "UNDERLAY_BOOT_PACKAGE"  // the package under test
	previousVar = "UNDERLAY_BOOT_PREVIOUS" // a commit; inside: the package made from it
	inside      = "inside"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run returns the exit code of the tests. What needs the network is done first; then the tests run in a second process, which has
// namespaces of its own.
func run(m *testing.M) int {
	switch os.Getenv(stageVar) {
	case "":
		return m.Run()
	case inside:
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "boottest:", err)
			return 1
		}
		return m.Run()
	}
	err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if why := missing(); err == nil && why != "" {
		if err = os.Setenv(skipVar, why); err == nil {
			return m.Run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "boottest:", err)
		return 1
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	code, err := runInside(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "boottest:", err)
	}
	return code
}

// runInside prepares what the machines need and runs the tests in namespaces, which end with this process.
func runInside(ctx context.Context) (code int, err error) {
	image, err := prepareImage(ctx)
	if err != nil {
		return 1, err
	}
	current, previous, err := preparePackages(ctx)
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "underlay-boot-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	runtime.LockOSThread() // the kernel ends the child with the thread that has started it
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageVar+"="+inside, "TMPDIR="+dir, imageVar+"="+image, packageVar+"="+current, previousVar+"="+previous)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return 1, fmt.Errorf("start the tests in namespaces: %w", err)
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return 1, fmt.Errorf("the tests were ended: %s", cmd.ProcessState)
}

// settle makes the namespaces of this process a place for machines: nothing of the host's processes, networks and mounts is left
// to change.
func settle() error {
	err := errors.Join(
		mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		mount("proc", "/proc", "proc", 0, ""),
		mount("tmpfs", "/run", "tmpfs", 0, "mode=755"),
		os.MkdirAll("/run/netns", 0o755),
	)
	if err != nil {
		return err
	}
	return makeNetwork()
}

// need skips a test where no machine can boot.
func need(t *testing.T) {
	t.Helper()
	if os.Getenv(stageVar) == "" {
		t.Skip("boots machines: run `make test-boot`")
	}
	if why := os.Getenv(skipVar); why != "" {
		t.Skip(why)
	}
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

// command runs a program, and returns what it printed on both outputs.
func command(name string, args ...string) (string, error) {
	return commandContext(context.Background(), name, args...)
}

func commandContext(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	return string(out), nil
}

package stock

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// stopLimit is how long a process may take to end by itself.
const stopLimit = 30 * time.Second

// Process is a program that a test has started.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the process is gone
}

// Start runs a program whose output is appended to the file log.
func Start(t testing.TB, log string, env []string, program string, args ...string) *Process {
	t.Helper()
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() // the child has its own
	p := &Process{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not left behind by an aborted test
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended shows in its log
	}()
	return p
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process in an orderly way, or by force when that takes too long.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails when it is gone
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		p.Kill()
	}
}

// Kill ends the process at once and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails when it is gone
	<-p.ended
}

// Check fails when the process is gone.
func (p *Process) Check() error {
	select {
	case <-p.ended:
		out, _ := os.ReadFile(p.log)
		return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path), out[max(0, len(out)-3000):])
	default:
		return nil
	}
}

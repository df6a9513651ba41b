package stockbench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clockTick is the unit of process times in /proc, fixed at 100 Hz on Linux for all programs.
const clockTick = 10 * time.Millisecond

// stopLimit is how long a process may take to end by itself.
const stopLimit = 30 * time.Second

// process is a program that the benchmark has started; it ends with the benchmark.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the process is gone
}

// startProcess runs a program whose output is appended to the file log.
func startProcess(b *testing.B, log string, env []string, program string, args ...string) *process {
	b.Helper()
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close() // the child has its own
	p := &process{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not left behind by an aborted benchmark
	if err := p.cmd.Start(); err != nil {
		b.Fatalf("start %s: %v", program, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended shows in its log
	}()
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process in an orderly way, or by force when that takes too long.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails when it is gone
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails when it is gone
	<-p.ended
}

// check fails when the process is gone.
func (p *process) check() error {
	select {
	case <-p.ended:
		out, _ := os.ReadFile(p.log)
		return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path), out[max(0, len(out)-3000):])
	default:
		return nil
	}
}

// cpuTime is what the processes have used so far, user and system time together.
func cpuTime(b *testing.B, pids []int) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Fatal(err)
		}
		// The command's name, in parentheses, may hold spaces. The times are fields 14 and 15 of the line.
		_, rest, _ := bytes.Cut(raw, []byte(") "))
		fields := strings.Fields(string(rest))
		for _, field := range fields[11:13] {
			ticks, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(ticks) * clockTick
		}
	}
	return sum
}

// memory is what the kernel accounts to the processes, in MiB: pages that several share count in part.
func memory(b *testing.B, pids []int) float64 {
	b.Helper()
	var kib int
	for _, pid := range pids {
		n, err := proportional(pid)
		if err != nil {
			b.Fatal(err)
		}
		kib += n
	}
	return float64(kib) / 1024
}

func proportional(pid int) (int, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); fields[0] == "Pss:" {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, errors.New("the kernel does not report proportional set sizes")
}

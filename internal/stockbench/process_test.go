package stockbench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clockTick is the unit of process times in /proc, fixed at 100 Hz on Linux for all programs.
const clockTick = 10 * time.Millisecond

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

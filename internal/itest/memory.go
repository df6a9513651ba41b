package itest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory returns what the kernel accounts to the peer's process, in KiB: resident, proportional and anonymous.
func (p *Peer) Memory() (map[string]int, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.PID))
	if err != nil {
		return nil, err
	}
	memory := make(map[string]int)
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		name := map[string]string{"Rss:": "resident", "Pss:": "proportional", "Anonymous:": "anonymous"}[fields[0]]
		if name == "" {
			continue
		}
		if memory[name], err = strconv.Atoi(fields[1]); err != nil {
			return nil, err
		}
	}
	return memory, nil
}

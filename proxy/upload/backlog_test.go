package upload

import (
	"bytes"
	"strings"
	"testing"
)

// What is kept back comes out as it went in, of whatever length.
func TestBacklogKeepsEverything(t *testing.T) {
	for _, lines := range []int{0, 1, 100, 20_000} {
		var kept Backlog
		var want, got bytes.Buffer
		for range lines {
			line := strings.Repeat("x", 40) + "\n"
			want.WriteString(line)
			if n, err := kept.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
		}
		if kept.memory.Len() > backlogMemory || kept.size != int64(want.Len()) {
			t.Errorf("%d lines: %d bytes in memory, size %d", lines, kept.memory.Len(), kept.size)
		}
		n, err := kept.WriteTo(&got)
		if err != nil || n != int64(want.Len()) || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d lines: wrote %d bytes of %d, %v", lines, n, want.Len(), err)
		}
		if err := kept.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

package memlimit

import (
	"testing"
	"testing/fstest"
)

func TestLimit(t *testing.T) {
	const unlimited1 = "9223372036854771712\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no groups", nil, 0},
		{"no limit", map[string]string{
			"proc/self/cgroup": "0::/system.slice/underlay.service\n", "sys/fs/cgroup/system.slice/underlay.service/memory.max": "max\n",
		}, 0},
		{"high below max", map[string]string{
			"proc/self/cgroup": "0::/system.slice/underlay.service\n",
			"sys/fs/cgroup/system.slice/underlay.service/memory.max":  "3000\n",
			"sys/fs/cgroup/system.slice/underlay.service/memory.high": "2000\n",
		}, 2000},
		{"a group around it", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "3000\n", "sys/fs/cgroup/a/memory.max": "1000\n",
		}, 1000},
		{"a container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "5000\n"}, 5000},
		{"first version", map[string]string{
			"proc/self/cgroup": "5:memory:/docker/x\n4:cpu,cpuacct:/\n", "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "7000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": unlimited1,
		}, 7000},
		{"first version without a limit", map[string]string{
			"proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": unlimited1,
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := Of(root); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

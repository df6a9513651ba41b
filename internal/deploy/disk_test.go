package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// On a real disk, empty and as large as a volume, the boot script makes a file system once, mounts it by its UUID, and finds its own
// data again. The mounts are in a namespace of their own, which ends with the script.
func TestBootOnRealDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may attach a disk and mount it")
	}
	losetup, unshare := tool(t, "losetup", "apt-get install util-linux"), tool(t, "unshare", "apt-get install util-linux")
	m := newMachine(t)
	image := filepath.Join(m.dir, "image")
	m.write("image", "")
	if err := os.Truncate(image, 512<<30); err != nil { // sparse
		t.Fatal(err)
	}
	device, err := m.run(losetup + " --find --show " + image)
	if err != nil {
		t.Skipf("there is no loop device here: %s", device)
	}
	device = strings.TrimSpace(device)
	t.Cleanup(func() {
		if out, err := exec.Command(losetup, "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	for _, real := range []string{"blkid", "mkfs.ext4", "mountpoint", "findmnt", "resize2fs", "e2fsck", "mount"} {
		if err := os.Remove(filepath.Join(m.fakes.dir, real)); err != nil {
			t.Fatal(err)
		}
	}
	m.env = append(m.env, "PATH="+m.fakes.dir+":/usr/sbin:/sbin:"+os.Getenv("PATH"))
	m.add("mount", `exec /usr/bin/mount --fstab "$UNDERLAY_ROOT/etc/fstab" "$1"`)
	m.add("underlay", strings.ReplaceAll(theProgram, "/dev/nvme1n1", device))
	script, err := filepath.Abs(filepath.Join(root, "deploy/package/scripts/aws-boot"))
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(m.dir, "var/lib/underlay")
	m.write("twice", "set -e\n"+script+"\necho kept >"+data+"/block\numount "+data+"\n"+script+"\nfindmnt -n -o FSTYPE "+data+"\ncat "+data+"/block\n")
	out, err := m.run(unshare + " --mount bash " + filepath.Join(m.dir, "twice"))
	if err != nil || strings.Count(out, "making a file system") != 1 || !strings.HasSuffix(out, "ext4\nkept\n") {
		t.Errorf("%v\n%s", err, out)
	}
	if got := m.read("etc/fstab"); strings.Count(got, "UUID=") != 1 {
		t.Errorf("fstab is\n%s", got)
	}
}

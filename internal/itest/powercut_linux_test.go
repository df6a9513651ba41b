package itest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// From the kernel's user-space interface (include/uapi/linux/ext4.h): _IOR('X', 125, __u32), and the flag that drops
// what the journal has not written yet.
const (
	ext4Shutdown   = 0x8004587D
	ext4NoLogFlush = 0x2
)

// diskSize is the size of a peer's disk, several times what the load writes. The file behind it is sparse.
const diskSize = 8 << 30

// disk is an ext4 file system of its own whose power can be cut: what was not synced is gone then, as after a real
// cut. It keeps what reached the file behind it, so it says nothing about disks that lie about their own caches.
type disk struct {
	t       testing.TB
	image   string
	dir     string
	mounted bool
}

// newDisk makes a file system and mounts it on dir until the test ends.
func newDisk(t testing.TB, image, dir string) *disk {
	t.Helper()
	d := &disk{t: t, image: image, dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, diskSize); err != nil {
		t.Fatal(err)
	}
	d.command("mkfs.ext4", "-q", "-F", image)
	t.Cleanup(d.remove)
	d.mount()
	return d
}

func (d *disk) command(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func (d *disk) mount() {
	d.t.Helper()
	d.command("mount", "-t", "ext4", "-o", "loop", d.image, d.dir)
	d.mounted = true
}

// cut ends all writing to the file system at once. Processes that use it get EIO from now on.
func (d *disk) cut() {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, ext4NoLogFlush); err != nil {
		d.t.Fatalf("cut the power of %s: %v", d.dir, err)
	}
}

// restore mounts the file system again: its journal is replayed. Nobody may have files open there.
func (d *disk) restore() {
	d.t.Helper()
	Eventually(d.t, 20*time.Second, d.unmount)
	d.mount()
}

// unmount gives the loop device back too, because mount made it for this mount only.
func (d *disk) unmount() error {
	if out, err := exec.Command("umount", d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("unmount %s: %w: %s", d.dir, err, out)
	}
	d.mounted = false
	return nil
}

// remove is the cleanup: whatever happened, nothing stays mounted.
func (d *disk) remove() {
	if !d.mounted {
		return
	}
	if err := d.unmount(); err != nil {
		d.t.Error(err)
		d.command("umount", "-l", d.dir)
	}
}

// needDisks skips the test where disks cannot be made.
func needDisks(t *testing.T) {
	t.Helper()
	if !faultMode() {
		t.Skip("cuts the power of file systems: only in fault mode (UNDERLAY_FAULT=1)")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount file systems")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skipf("needs loop devices: %v", err)
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skipf("needs mkfs.ext4: %v", err)
	}
}

// The fault does what it claims: a power cut that lost nothing, or everything, would prove nothing about peers.
func TestPowerCutLosesUnsyncedData(t *testing.T) {
	needDisks(t)
	dir := t.TempDir()
	d := newDisk(t, dir+"/image", dir+"/mount")
	written := bytes.Repeat([]byte("content"), 10_000)
	write := func(name string, sync bool) {
		t.Helper()
		f, err := os.Create(filepath.Join(d.dir, name))
		if err == nil {
			_, err = f.Write(written)
		}
		if err == nil && sync {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	write("synced", true)
	write("unsynced", false)
	d.cut()
	d.restore()
	if got, err := os.ReadFile(filepath.Join(d.dir, "synced")); err != nil || !bytes.Equal(got, written) {
		t.Errorf("the synced file has %d bytes of %d, %v", len(got), len(written), err)
	}
	if got, err := os.ReadFile(filepath.Join(d.dir, "unsynced")); err == nil && bytes.Equal(got, written) {
		t.Error("the unsynced file is whole: the cut lost nothing")
	}
}

// The power of one peer, or of all, goes again and again while clients write: what was acknowledged is there, pins on
// every peer and files on the peer that acknowledged them.
func TestPowerCuts(t *testing.T) {
	needDisks(t)
	const cuts = 100
	seed := seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	disks := make(map[string]*disk)
	for _, name := range []string{"peer1", "peer2", "peer3"} {
		disks[name] = newDisk(t, filepath.Join(dir, name+".image"), filepath.Join(dir, name, "data"))
	}
	c := Start(t, "--dir", dir)
	l := startLoad(t, fmt.Sprint("power cuts ", seed), mixed(c.Peers)...)
	files := 0
	var took []time.Duration
	for n := range cuts {
		l.awaitAcks(30+random.IntN(60), 1+random.IntN(10))
		victims := c.Peers // every other time, all
		if n%2 == 0 {
			victims = []*Peer{c.Peers[random.IntN(len(c.Peers))]}
		}
		frozen := random.IntN(2) == 0
		c.cutPower(disks, victims, frozen)
		began := time.Now()
		for _, p := range victims {
			c.Restart(p)
		}
		c.AwaitReady(c.Peers...)
		took = append(took, time.Since(began))
		if n%10 < 2 { // what a cut took from the table of local pins must survive this
			for _, p := range victims {
				c.collect(p)
			}
		}
		l.verify(c.Peers...)
		files = l.verifyBlocks(files)
		if t.Failed() {
			t.Fatalf("after cut %d, of %d peers, frozen first: %t", n+1, len(victims), frozen)
		}
	}
	l.stop()
	l.verifyBlocks(0)
	l.handOver(c)
	want, _ := l.acknowledged()
	slices.Sort(took)
	t.Logf("%d power cuts, %d CIDs and %d files acknowledged: whole again after p50 %s, max %s",
		cuts, len(want), files, took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// collect removes from the peer's node what no pin holds, as soon as the peer lets it.
func (c *Cluster) collect(p *Peer) {
	c.t.Helper()
	Eventually(c.t, time.Minute, func() error {
		out, err := p.RPC("repo/gc", "stream-errors=true")
		if err == nil && strings.Contains(out, `"Error"`) {
			err = fmt.Errorf("%s does not collect: %s", p.Name, lastLine(strings.TrimSpace(out)))
		}
		return err
	})
}

// cutPower takes the power from peers, and mounts their disks again. Frozen first, their processes never see a failure,
// as in a real cut; otherwise they live on for a moment with a disk that fails, and must not acknowledge anything.
func (c *Cluster) cutPower(disks map[string]*disk, victims []*Peer, frozen bool) {
	c.t.Helper()
	if frozen {
		for _, p := range victims {
			c.Pause(p)
		}
	}
	for _, p := range victims {
		disks[p.Name].cut()
	}
	c.KillAll(victims...)
	for _, p := range victims {
		disks[p.Name].restore()
	}
}

package boottest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// volumeSize is that of the template, 512 GiB. The file of a volume takes what was written.
const volumeSize = 512 << 30

// volume is an EBS volume: a loop device, which ends when it is closed.
type volume struct {
	t      *testing.T
	id     string
	tags   map[string]string
	image  string   // the file with its content
	device *os.File // the loop device

	holder *instance // nil: it is available. The region's lock guards it.
}

// newVolume makes an empty volume, or a copy of another one.
func newVolume(t *testing.T, id string, tags map[string]string, from *volume) *volume {
	t.Helper()
	v := &volume{t: t, id: id, tags: tags, image: filepath.Join(t.TempDir(), "volume")}
	if from == nil {
		v.check(os.WriteFile(v.image, nil, 0o600))
	} else {
		_, err := command("cp", "--sparse=always", from.image, v.image)
		v.check(err)
	}
	v.check(os.Truncate(v.image, volumeSize))
	name, err := command("losetup", "--find", "--show", v.image)
	v.check(err)
	name = strings.TrimSpace(name)
	v.device, err = os.OpenFile(name, os.O_RDWR, 0)
	v.check(err)
	t.Cleanup(func() {
		if err := v.device.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = command("losetup", "--detach", name) // when nobody has it open any more
	v.check(err)
	return v
}

func (v *volume) check(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatalf("volume %s: %v", v.id, err)
	}
}

// plugInto makes the disk appear on a machine under the name that udev gives it there.
func (v *volume) plugInto(i *instance) error {
	info, err := v.device.Stat()
	if err != nil {
		return err
	}
	number := info.Sys().(*syscall.Stat_t).Rdev
	return syscall.Mknod(v.on(i), syscall.S_IFBLK|0o660, int(number))
}

// unplugFrom makes it disappear.
func (v *volume) unplugFrom(i *instance) error { return os.Remove(v.on(i)) }

func (v *volume) on(i *instance) string {
	return filepath.Join(i.disks, "nvme-Amazon_Elastic_Block_Store_"+strings.ReplaceAll(v.id, "-", ""))
}

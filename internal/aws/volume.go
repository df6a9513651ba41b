package aws

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/underlay/underlay/internal/pause"
)

// attachAs is the name that EC2 wants for an attached disk; the kernel gives it another one.
const attachAs = "/dev/sdb"

// Attach gives this machine a volume. While another machine has it, Attach waits until EC2 says that it is free, which is
// when that machine is gone: a volume is never taken away. say is told what it waits for, once for each reason. It needs
// ec2:DescribeVolumes and ec2:AttachVolume, and blocks until ctx ends at most.
func (c *Cloud) Attach(ctx context.Context, volume string, say func(string)) error {
	me, err := c.Metadata(ctx, "instance-id")
	if err != nil {
		return err
	}
	for told := ""; ; {
		why, err := c.tryAttach(ctx, volume, me)
		if err != nil || why == "" {
			return err
		}
		if why != told {
			say(why)
			told = why
		}
		if !pause.For(ctx, c.interval) {
			return fmt.Errorf("attach %s: %w: %s", volume, ctx.Err(), why)
		}
	}
}

// tryAttach returns what there is to wait for; empty: the machine has the volume.
func (c *Cloud) tryAttach(ctx context.Context, volume, me string) (why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var found struct {
		Volumes []struct {
			Status      string `xml:"status"`
			Attachments []struct {
				Instance string `xml:"instanceId"`
				Status   string `xml:"status"`
			} `xml:"attachmentSet>item"`
		} `xml:"volumeSet>item"`
	}
	if err := c.query(ctx, "ec2", ec2Version, "DescribeVolumes", url.Values{"VolumeId.1": {volume}}, &found); err != nil {
		return "", fmt.Errorf("look up volume %s: %w", volume, err)
	}
	if len(found.Volumes) != 1 {
		return "", fmt.Errorf("look up volume %s: there are %d", volume, len(found.Volumes))
	}
	v := found.Volumes[0]
	for _, held := range v.Attachments {
		switch {
		case held.Instance == me && held.Status == "attached":
			return "", nil
		case held.Instance != me && held.Instance != "":
			return fmt.Sprintf("%s is still %s to %s", volume, held.Status, held.Instance), nil
		}
	}
	if v.Status != "available" {
		return fmt.Sprintf("%s is %s", volume, v.Status), nil
	}
	err = c.query(ctx, "ec2", ec2Version, "AttachVolume", url.Values{"VolumeId": {volume}, "InstanceId": {me}, "Device": {attachAs}}, nil)
	if isFault(err, "VolumeInUse", "IncorrectState") {
		return volume + " was taken by another machine", nil
	}
	if err != nil {
		return "", fmt.Errorf("attach %s to %s: %w", volume, me, err)
	}
	return volume + " is being attached", nil
}

// AwaitDevice returns the device file of a volume that is attached to this machine, whose files are below root. It blocks until
// the kernel has found it, or ctx ends.
func AwaitDevice(ctx context.Context, root fs.FS, volume string) (string, error) {
	for {
		if device := deviceOf(root, volume); device != "" {
			return device, nil
		}
		if !pause.For(ctx, 200*time.Millisecond) {
			return "", fmt.Errorf("find the device of %s: %w", volume, ctx.Err())
		}
	}
}

// deviceOf finds the disk by its serial number, which is the volume's name without the dash: the kernel numbers disks as it
// finds them.
func deviceOf(root fs.FS, volume string) string {
	serial := strings.ReplaceAll(volume, "-", "")
	link := "dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_" + serial
	if _, err := fs.Stat(root, link); err == nil {
		return "/" + link
	}
	files, _ := fs.Glob(root, "sys/block/*/device/serial") // the pattern is right
	for _, file := range files {
		if got, err := fs.ReadFile(root, file); err == nil && strings.TrimSpace(string(got)) == serial {
			return "/dev/" + path.Base(path.Dir(path.Dir(file)))
		}
	}
	return ""
}

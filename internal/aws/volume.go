package aws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

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
	found, err := c.machines.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{volume}})
	if err != nil {
		return "", fmt.Errorf("look up volume %s: %w", volume, err)
	}
	if len(found.Volumes) != 1 {
		return "", fmt.Errorf("look up volume %s: there are %d", volume, len(found.Volumes))
	}
	v := found.Volumes[0]
	for _, held := range v.Attachments {
		mine := held.InstanceId != nil && *held.InstanceId == me
		switch {
		case mine && held.State == ec2types.VolumeAttachmentStateAttached:
			return "", nil
		case !mine && held.InstanceId != nil:
			return fmt.Sprintf("%s is still %s to %s", volume, held.State, *held.InstanceId), nil
		}
	}
	if v.State != ec2types.VolumeStateAvailable {
		return fmt.Sprintf("%s is %s", volume, v.State), nil
	}
	_, err = c.machines.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: &volume, InstanceId: &me, Device: ref(attachAs)})
	if taken(err) {
		return volume + " was taken by another machine", nil
	}
	if err != nil {
		return "", fmt.Errorf("attach %s to %s: %w", volume, me, err)
	}
	return volume + " is being attached", nil
}

// taken tells whether a volume could not be attached because it was not free any more.
func taken(err error) bool {
	coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	return ok && slices.Contains([]string{"VolumeInUse", "IncorrectState"}, coded.ErrorCode())
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

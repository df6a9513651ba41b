package boottest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What an image on EC2 has and Debian's smallest system lacks. The package of the program brings nothing else.
const (
	basePackages = "systemd,systemd-sysv,dbus,udev,e2fsprogs,xfsprogs,curl,jq,ca-certificates,iproute2,locales"
	laterPackage = "cloud-init" // has dependencies that debootstrap cannot resolve
)

// imageFiles are what these machines have beyond that. They are balanced by checks five times as frequent as on AWS, and so drain five
// times as short.
var imageFiles = map[string]string{
	"etc/cloud/cloud.cfg.d/90-ec2.cfg": `datasource_list: [Ec2]
datasource: {Ec2: {strict_id: false, metadata_urls: ["http://169.254.169.254"], max_wait: 60, timeout: 5}}
locale: false
users: []
apt: {preserve_sources_list: true}
manage_etc_hosts: true
`,
	"etc/systemd/system/underlay.service.d/drain.conf": "[Service]\nEnvironment=UNDERLAY_DRAIN_DELAY=5s\n",
	// In a container systemd leaves out of fstab what is on a device.
	"etc/systemd/system/fstab.service": "[Unit]\nDefaultDependencies=no\nBefore=local-fs.target\n" +
		"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/mount --all\n",
	"etc/systemd/system/local-fs.target.d/fstab.conf": "[Unit]\nWants=fstab.service\n",
	"etc/systemd/journald.conf.d/keep.conf":           "[Journal]\nStorage=persistent\n",
	"etc/dpkg/dpkg.cfg.d/unsafe":                      "force-unsafe-io\n", // the machine's own disk is thrown away
	"etc/fstab":                                       "",
	"etc/machine-id":                                  "",
	"etc/resolv.conf":                                 "",
}

// imageMasks are services that only cost time on a machine that lives for a minute.
var imageMasks = []string{"apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "dpkg-db-backup.timer", "console-getty.service"}

// prepareImage returns the root file system of the machines, which is made once from the packages of this machine's Debian and kept.
func prepareImage(ctx context.Context) (string, error) {
	suite, mirror, err := debian()
	if err != nil {
		return "", err
	}
	recipe := sha256.Sum256(fmt.Append(nil, suite, mirror, basePackages, laterPackage, imageFiles, imageMasks)) // maps are printed in order
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	image := filepath.Join(cache, "image-"+hex.EncodeToString(recipe[:6]))
	if _, err := os.Stat(image); err == nil {
		return image, nil
	}
	fmt.Fprintln(os.Stderr, "boottest: making the image of the machines, once")
	made, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(made)
	if err := errors.Join(bootstrap(ctx, made, suite, mirror), configure(made), os.Chmod(made, 0o755)); err != nil {
		return "", err
	}
	return image, os.Rename(made, image)
}

// bootstrap installs the packages into a directory.
func bootstrap(ctx context.Context, dir, suite, mirror string) error {
	if _, err := commandContext(ctx, "debootstrap", "--variant=minbase", "--include="+basePackages, suite, dir, mirror); err != nil {
		return err
	}
	names, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/resolv.conf"), names, 0o644); err != nil {
		return err
	}
	for _, step := range []string{"update -q", "install -qy --no-install-recommends " + laterPackage, "clean"} {
		if _, err := commandContext(ctx, "chroot", dir, "/bin/sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get "+step); err != nil {
			return err
		}
	}
	return nil
}

// configure writes the files that the image has of its own.
func configure(dir string) error {
	for name, content := range imageFiles {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			return err
		}
	}
	for _, unit := range imageMasks {
		if err := os.Symlink("/dev/null", filepath.Join(dir, "etc/systemd/system", unit)); err != nil {
			return err
		}
	}
	return nil
}

// debian returns the name of this machine's Debian and where its apt gets it from.
func debian() (suite, mirror string, err error) {
	out, err := command("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(COMPONENT) $(CODENAME) $(SITE)", "Identifier: Packages")
	if err != nil {
		return "", "", fmt.Errorf("find a mirror of Debian: %w", err)
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 5 && f[0] == "Debian" && f[1] == "Debian" && f[2] == "main" && !strings.Contains(f[3], "-") {
			return f[3], f[4], nil
		}
	}
	return "", "", errors.New("find a mirror of Debian: apt of this machine has none")
}

// cacheDir keeps what is made once.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "underlay-boot")
	return dir, os.MkdirAll(dir, 0o755)
}

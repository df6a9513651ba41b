package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/underlay/underlay/config"
)

const (
	clusterSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	metricsToken  = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
)

// theProgram stands in for the program: it knows the machine's tags and secrets.
const theProgram = `echo "underlay $*" >>"$LOG"
case "$*" in
"aws tag underlay:slot") echo b ;;
"aws tag underlay:volume") echo vol-1 ;;
"aws zone") echo eu-central-1b ;;
"aws attach vol-1") echo /dev/nvme1n1 ;;
"aws get /secret") echo ` + clusterSecret + ` ;;
"aws get /token") echo ` + clusterSecret + ` ;;
"aws get /metrics") echo ` + metricsToken + ` ;;
esac`

// machine is a machine on EC2 as the boot script sees it: its files are in a folder, its programs are fakes.
type machine struct {
	t *testing.T
	*fakes
	dir string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	dir := t.TempDir()
	m := machine{t, newFakes(t, dir), dir}
	m.write("etc/underlay/boot.env", "CLUSTER='prod'\nAWS_REGION='eu-central-1'\nSECRET_PARAMETER='/secret'\nADMIN_TOKEN_PARAMETER=''\nBACKUPS='bucket'\n")
	m.write("etc/fstab", "LABEL=root / ext4 defaults 0 1\n")
	m.write("var/lib/underlay/.keep", "")
	m.env = append(m.env, "UNDERLAY_ROOT="+dir, "DISK="+filepath.Join(dir, "disk"))
	m.add("underlay", theProgram)
	// The disk is a file that says what is on it.
	m.add("blkid", `[ -e "$DISK" ] || exit 2
case "$*" in *TYPE*) cat "$DISK" ;; *UUID*) echo 1234-5678 ;; esac
grep -q broken "$DISK" && exit 4
exit 0`)
	m.add("mkfs.ext4", `echo "mkfs $*" >>"$LOG"; echo ext4 >"$DISK"`)
	m.add("mountpoint", `[ -e "$DISK.mounted" ]`)
	m.add("findmnt", `case "$*" in *FSTYPE*) cat "$DISK" ;; *) echo /dev/nvme1n1 ;; esac`)
	m.add("mount", `echo "mount $*" >>"$LOG"; touch "$DISK.mounted"`)
	for _, name := range []string{"e2fsck", "resize2fs", "xfs_growfs", "udevadm", "systemctl", "chown", "curl"} {
		m.add(name, `echo "`+name+` $*" >>"$LOG"`)
	}
	return m
}

func (m machine) write(name, content string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) read(name string) string {
	m.t.Helper()
	content, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(content)
}

// boot runs the boot script and returns what it did and said.
func (m machine) boot() (did, said string, err error) {
	m.t.Helper()
	script, err := filepath.Abs(filepath.Join(root, "deploy/package/scripts/aws-boot"))
	if err != nil {
		m.t.Fatal(err)
	}
	said, err = m.run(script)
	return m.log(), said, err
}

// An empty volume gets a file system once, is mounted, and says whose it is; the settings are right; the secret is nobody else's
// to read; the peer does not start without the volume; the stack is told. The second boot changes nothing.
func TestFirstBoot(t *testing.T) {
	m := newMachine(t)
	did, said, err := m.boot()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, did, said)
	}
	data := filepath.Join(m.dir, "var/lib/underlay")
	inOrder(t, did, "underlay aws attach vol-1", "mkfs -q -L underlay -m 0 /dev/nvme1n1", "mount "+data, "resize2fs /dev/nvme1n1", "underlay aws get /secret",
		"systemctl restart underlay.service", "systemctl enable --quiet --now underlay-backup.timer", "http://127.0.0.1:8080/readyz",
		"http://127.0.0.1:9095/health", "underlay aws signal prod SlotB", "underlay aws signal prod Formed")
	if got := m.read("var/lib/underlay/member.json"); got != `{"cluster":"prod","slot":"b"}`+"\n" {
		t.Errorf("member.json is %s", got)
	}
	line := "UUID=1234-5678 " + data + " ext4 defaults,noatime,nofail,x-systemd.device-timeout=30s 0 2\n"
	if got := m.read("etc/fstab"); got != "LABEL=root / ext4 defaults 0 1\n"+line {
		t.Errorf("fstab is\n%s", got)
	}
	if got := m.read("etc/underlay/backup.env"); got != "BACKUP_TO=s3://bucket/prod\nAWS_REGION='eu-central-1'\n" {
		t.Errorf("backups go to %s", got)
	}
	unit := "[Unit]\nAssertPathIsMountPoint=" + data + "\n[Service]\nEnvironmentFile=" + m.dir + "/etc/underlay/aws.env\n"
	if got := m.read("etc/systemd/system/underlay.service.d/aws.conf"); got != unit || m.read("etc/underlay/aws.env") != "AWS_REGION='eu-central-1'\n" {
		t.Errorf("the service has %s", got)
	}
	checkSettings(t, m, true)

	did, said, err = m.boot()
	if err != nil || strings.Contains(did, "mkfs") || strings.Contains(did, "mount ") || !strings.Contains(did, "resize2fs") {
		t.Errorf("the second boot: %v\n%s\n%s", err, did, said)
	}
	if err := os.Remove(filepath.Join(m.dir, "disk.mounted")); err != nil {
		t.Fatal(err)
	}
	did, said, err = m.boot() // of the next machine with this volume
	if err != nil || strings.Contains(did, "mkfs") || strings.Count(m.read("etc/fstab"), "UUID=") != 1 {
		t.Errorf("the third boot: %v\n%s\n%s\n%s", err, did, said, m.read("etc/fstab"))
	}
}

// inOrder checks that all texts are there, each behind the one before.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("%q does not follow in\n%s", part, text)
			return
		}
		rest = after
	}
}

// checkSettings loads the settings that the boot script has written as the program does.
func checkSettings(t *testing.T, m machine, open bool) config.Config {
	t.Helper()
	conf, err := config.Load(config.LoadOptions{File: filepath.Join(m.dir, "etc/underlay/underlay.yaml")})
	if err != nil {
		t.Fatalf("%v\n%s", err, m.read("etc/underlay/underlay.yaml"))
	}
	if secret, err := conf.Cluster.ReadSecret(); err != nil || string(secret) != clusterSecret {
		t.Errorf("the secret is not the cluster's: %v", err)
	}
	info, err := os.Stat(conf.Cluster.SecretFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret has mode %s, %v", info.Mode(), err)
	}
	if conf.Name != "prod-b" || conf.Cloud != "ec2" || conf.Cluster.BootstrapExpect != 3 || conf.Cluster.Genesis != "ssm:/underlay/prod/genesis" ||
		conf.Cluster.Slot != "b" || conf.Cluster.Tags["zone"] != "eu-central-1b" || len(conf.Cluster.Peers) != 1 ||
		conf.Cluster.Peers[0] != "ec2:underlay:cluster=prod:9096" || conf.API.TrustNetwork != open {
		t.Errorf("the settings are\n%s", m.read("etc/underlay/underlay.yaml"))
	}
	return conf
}

// AWS that does not answer is asked again: cloud-init runs the script once, and nobody else would.
func TestBootAsksAgain(t *testing.T) {
	m := newMachine(t)
	m.add("sleep", `echo "sleep $*" >>"$LOG"`)
	m.add("underlay", `touch "$LOG"
n=$(grep -c "^underlay $*\$" "$LOG")
if [ "$n" -lt 2 ]; then
	echo "underlay $*" >>"$LOG"
	exit 1
fi
`+theProgram)
	did, said, err := m.boot()
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, did, said)
	}
	for _, question := range []string{"get /secret", "tag underlay:slot", "attach vol-1", "signal prod SlotB", "signal prod Formed"} {
		if n := strings.Count(did, "underlay aws "+question+"\n"); n != 3 {
			t.Errorf("%s was asked %d times", question, n)
		}
	}
}

// A stack that cannot be told is tried with growing pauses, and given up before it gives up by itself. The script says so; the peer
// runs.
func TestBootCannotSignal(t *testing.T) {
	m := newMachine(t)
	m.add("sleep", `echo "sleep $*" >>"$LOG"`)
	m.add("underlay", theProgram+`
[ "$2" != signal ]`)
	did, said, err := m.boot()
	if err == nil || !strings.Contains(said, "the stack could not be told of: SlotB Formed") {
		t.Errorf("%v\n%s", err, said)
	}
	inOrder(t, did, "systemctl restart underlay.service", "signal prod SlotB", "sleep 5\n", "sleep 10\n", "sleep 20\n", "sleep 40\n", "sleep 80\n", "sleep 160\n",
		"signal prod SlotB", "signal prod Formed", "sleep 160\n")
	if n := strings.Count(did, "aws signal prod"); n != 14 {
		t.Errorf("it tried %d times", n)
	}
}

// With an admin token nobody gets in without it, and the backup has it.
func TestBootWithAdminToken(t *testing.T) {
	m := newMachine(t)
	m.write("etc/underlay/boot.env", strings.Replace(m.read("etc/underlay/boot.env"), "ADMIN_TOKEN_PARAMETER=''", "ADMIN_TOKEN_PARAMETER='/token'", 1))
	if did, said, err := m.boot(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, did, said)
	}
	checkSettings(t, m, false)
	if got := m.read("etc/underlay/backup.env"); !strings.Contains(got, "BACKUP_TOKEN_FILE="+m.dir+"/etc/underlay/admin-token\n") {
		t.Errorf("the backup has %s", got)
	}
}

// Prometheus gets in with the token of the stack, if there is one.
func TestBootWithMetricsToken(t *testing.T) {
	m := newMachine(t)
	m.write("etc/underlay/boot.env", m.read("etc/underlay/boot.env")+"METRICS_TOKEN_PARAMETER='/metrics'\n")
	if did, said, err := m.boot(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, did, said)
	}
	conf := checkSettings(t, m, true)
	if token, err := conf.API.ReadMetricsToken(); err != nil || token != metricsToken {
		t.Errorf("the token is %q, %v", token, err)
	}
	if info, err := os.Stat(conf.API.MetricsTokenFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token has mode %s, %v", info.Mode(), err)
	}
}

// Whatever is on a volume that is not new, it is not erased; and a peer starts on no volume but its own.
func TestBootKeepsWhatIsNotItsOwn(t *testing.T) {
	for _, c := range []struct{ name, disk, member, complaint string }{
		{"another cluster", "ext4", `{"cluster":"other","slot":"b"}`, "belongs to"},
		{"another slot", "ext4", `{"cluster": "prod", "slot": "a"}`, "belongs to"},
		{"another file system", "btrfs", "", "neither ext4 nor xfs"},
		{"a disk that cannot be read", "broken", "", "cannot tell what is on vol-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.write("disk", c.disk+"\n")
			if c.member != "" {
				m.write("var/lib/underlay/member.json", c.member)
			}
			did, said, err := m.boot()
			if err == nil || !strings.Contains(said, c.complaint) || strings.Contains(did, "mkfs") || strings.Contains(did, "systemctl restart") {
				t.Errorf("%v\n%s\n%s", err, did, said)
			}
		})
	}
	t.Run("a peer of nobody", func(t *testing.T) {
		m := newMachine(t)
		m.write("disk", "ext4\n")
		m.write("var/lib/underlay/cluster/identity.json", "{}")
		if _, said, err := m.boot(); err == nil || !strings.Contains(said, "no member.json") {
			t.Errorf("%v\n%s", err, said)
		}
	})
}

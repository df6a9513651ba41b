package aws

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/testkit"
)

// onMachine opens the account of a program on a machine.
func onMachine(t *testing.T, m *testkit.Machine) *Cloud {
	t.Helper()
	for name, value := range m.Environment() {
		t.Setenv(name, value)
	}
	cloud, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}

func TestNotices(t *testing.T) {
	const spot, group, rebalance = "spot/instance-action", "autoscaling/target-lifecycle-state", "events/recommendations/rebalance"
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name string
		says map[string]string
		want []Notice
	}{
		{"nothing", nil, nil},
		{"in no group", map[string]string{group: ""}, nil},
		{"on its way into service", map[string]string{group: "Warmed:Running"}, nil},
		{"a spot interruption", map[string]string{spot: `{"action": "terminate", "time": "2026-01-02T03:04:05Z"}`}, []Notice{{SpotInterruption, at}}},
		{"a group that shrinks", map[string]string{group: "Terminated"}, []Notice{{Kind: Termination}}},
		{"a recommendation", map[string]string{rebalance: `{"noticeTime": "2026-01-02T03:04:05Z"}`}, []Notice{{Rebalance, at}}},
		{"all", map[string]string{rebalance: `{}`, group: "Terminated", spot: `{}`}, []Notice{{Kind: SpotInterruption}, {Kind: Termination}, {Kind: Rebalance}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			machine := testkit.NewMachine(t)
			for name, text := range c.says {
				machine.Set(name, text)
			}
			if got, err := onMachine(t, machine).Notices(t.Context()); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

// A notice that cannot be understood is still one; where nobody answers there is an error and no notice.
func TestNoticesThatCannotBeRead(t *testing.T) {
	machine := testkit.NewMachine(t)
	machine.Set("spot/instance-action", "terminate!")
	cloud := onMachine(t, machine)
	got, err := cloud.Notices(t.Context())
	if len(got) != 1 || got[0].Kind != SpotInterruption || err == nil || !strings.Contains(err.Error(), "spot/instance-action") {
		t.Errorf("got %v, %v", got, err)
	}
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	deaf, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := deaf.Notices(t.Context()); len(got) > 0 || err == nil {
		t.Errorf("nobody told: %v, %v", got, err)
	}
}

func TestCompleteTermination(t *testing.T) {
	machine := testkit.NewMachine(t)
	cloud := onMachine(t, machine)
	if err := cloud.CompleteTermination(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := machine.Requests()
	want := map[string][]string{
		"Action": {"CompleteLifecycleAction"}, "Version": {"2011-01-01"}, "AutoScalingGroupName": {"group"}, "InstanceId": {"i-1"},
		"LifecycleHookName": {"drain"}, "LifecycleActionResult": {"CONTINUE"},
	}
	if len(asked) != 1 || !reflect.DeepEqual(map[string][]string(asked[0]), want) {
		t.Errorf("AWS was asked %v", asked)
	}
	machine.Set("tags/instance/aws:autoscaling:groupName", "")
	if err := cloud.CompleteTermination(t.Context()); err == nil || !strings.Contains(err.Error(), "groupName") {
		t.Errorf("in no group: %v", err)
	}
}

// The stand-in that Amazon itself gives to developers is understood in the same way.
func TestNoticesOfAmazonsMock(t *testing.T) {
	mock := filepath.Join(t.TempDir(), "ec2-metadata-mock")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", mock, "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock")
	build.Dir = "../tools/imds"
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("Amazon's stand-in for the metadata service cannot be built, which needs its modules: %v\n%s", err, out)
	}
	for _, c := range []struct {
		command string
		want    []Kind
	}{
		{"spot", []Kind{SpotInterruption, Rebalance}},
		{"asglifecycle", []Kind{Termination}},
	} {
		t.Run(c.command, func(t *testing.T) {
			url := startMock(t, mock, c.command)
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
			t.Setenv("AWS_REGION", "eu-central-1")
			cloud, err := Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := cloud.Notices(t.Context())
			if err != nil || len(got) != len(c.want) {
				t.Fatalf("got %v, %v; want %v", got, err, c.want)
			}
			for i, n := range got {
				if n.Kind != c.want[i] || n.Kind != Termination && n.At.IsZero() {
					t.Errorf("notice %d is %+v, want a %s", i, n, c.want[i])
				}
			}
		})
	}
}

// startMock runs the mock until the test ends and waits until it answers.
func startMock(t *testing.T, program, command string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	cmd := exec.Command(program, command, "--imdsv2", "--hostname", "127.0.0.1", "--port", port)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended if this fails
		_ = cmd.Wait()
	})
	url = "http://127.0.0.1:" + port
	testkit.Eventually(t, time.Minute, "the mock answers", func() bool {
		res, err := http.Get(url + "/")
		if err != nil {
			return false
		}
		res.Body.Close()
		return true
	})
	return url
}

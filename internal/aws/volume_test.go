package aws

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/underlay/underlay/internal/testkit"
)

// fakeEC2 has one volume and keeps to EC2's rules: one machine has it at a time. It is its own metadata service, too.
type fakeEC2 struct {
	mu       sync.Mutex
	volume   string // vol-...
	holder   string // empty: nobody
	state    string // of the attachment
	attached []string
	signals  []string
	thief    string // takes the volume between a look and an attach
}

// openFakeEC2 opens an account at a fake, from the machine i-new.
func openFakeEC2(t *testing.T, fake *fakeEC2) *Cloud {
	t.Helper()
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	setAWS(t, server.URL)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	cloud, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cloud.interval = time.Millisecond
	return cloud
}

func (f *fakeEC2) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/latest/api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
		write(w, "token")
	case r.URL.Path == "/latest/meta-data/instance-id":
		write(w, "i-new")
	case r.URL.Path == "/latest/meta-data/tags/instance/underlay:slot":
		write(w, "b")
	case r.FormValue("Action") == "DescribeVolumes":
		f.describe(w)
	case r.FormValue("Action") == "AttachVolume":
		f.attach(w, r)
	case r.FormValue("Action") == "SignalResource" && r.FormValue("StackName") == "prod" && r.FormValue("LogicalResourceId") == "SlotB":
		f.signals = append(f.signals, r.FormValue("UniqueId")+" "+r.FormValue("Status"))
		write(w, "<SignalResourceResponse/>")
	case r.FormValue("Action") == "SignalResource" && r.FormValue("StackName") == "prod":
		w.WriteHeader(http.StatusBadRequest)
		write(w, "<ErrorResponse><Error><Code>ValidationError</Code><Message>it does not wait</Message></Error></ErrorResponse>")
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeEC2) describe(w http.ResponseWriter) {
	state, held := "available", ""
	if f.holder != "" {
		state = "in-use"
		held = "<item><instanceId>" + f.holder + "</instanceId><status>" + f.state + "</status></item>"
	}
	write(w, "<DescribeVolumesResponse><volumeSet><item><volumeId>"+f.volume+"</volumeId><status>"+state+"</status><attachmentSet>"+held+
		"</attachmentSet></item></volumeSet></DescribeVolumesResponse>")
	if f.thief != "" {
		f.holder, f.state, f.thief = f.thief, "attached", ""
	}
}

func (f *fakeEC2) attach(w http.ResponseWriter, r *http.Request) {
	f.attached = append(f.attached, r.FormValue("InstanceId")+" "+r.FormValue("Device"))
	if f.holder != "" {
		w.WriteHeader(http.StatusBadRequest)
		write(w, "<Response><Errors><Error><Code>VolumeInUse</Code><Message>taken</Message></Error></Errors></Response>")
		return
	}
	f.holder, f.state = r.FormValue("InstanceId"), "attached"
	write(w, "<AttachVolumeResponse><status>attaching</status></AttachVolumeResponse>")
}

func (f *fakeEC2) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holder = ""
}

func (f *fakeEC2) attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.attached)
}

func write(w http.ResponseWriter, text string) { _, _ = w.Write([]byte(text)) } // a client that has gone asks again

// words collects what a wait says.
type words struct {
	mu   sync.Mutex
	said []string
}

func (w *words) say(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, "\n")
}

// A machine waits for as long as another one has the volume, says so once, and does not even try to take it.
func TestAttachWaitsForTheOldMachine(t *testing.T) {
	fake := &fakeEC2{volume: "vol-1", holder: "i-old", state: "detaching"}
	cloud := openFakeEC2(t, fake)
	var w words
	ended := make(chan error, 1)
	go func() { ended <- cloud.Attach(t.Context(), "vol-1", w.say) }()
	testkit.Eventually(t, 10*time.Second, "it says what it waits for", func() bool { return w.String() != "" })
	if got := w.String(); got != "vol-1 is still detaching to i-old" || fake.attempts() != 0 {
		t.Errorf("it says %q and has tried %d times", got, fake.attempts())
	}
	fake.release()
	if err := <-ended; err != nil || fake.holder != "i-new" || fake.attached[0] != "i-new /dev/sdb" {
		t.Errorf("%v; %s has it, tried: %q", err, fake.holder, fake.attached)
	}
	if err := cloud.Attach(t.Context(), "vol-1", w.say); err != nil || fake.attempts() != 1 {
		t.Errorf("again: %v after %d attempts", err, fake.attempts())
	}
}

// A volume that somebody else takes at the last moment is waited for, too.
func TestAttachLosesARace(t *testing.T) {
	fake := &fakeEC2{volume: "vol-1", thief: "i-other"}
	cloud := openFakeEC2(t, fake)
	ctx, cancel := context.WithCancel(t.Context())
	var w words
	ended := make(chan error, 1)
	go func() { ended <- cloud.Attach(ctx, "vol-1", w.say) }()
	testkit.Eventually(t, 10*time.Second, "it waits", func() bool { return strings.Contains(w.String(), "attached to i-other") })
	cancel()
	if err := <-ended; err == nil || fake.holder != "i-other" || fake.attempts() != 1 {
		t.Errorf("%v; %s has it after %d attempts", err, fake.holder, fake.attempts())
	}
}

// A machine signs with its own name, so that a stack counts it once.
func TestSignal(t *testing.T) {
	fake := &fakeEC2{}
	cloud := openFakeEC2(t, fake)
	if err := cloud.Signal(t.Context(), "prod", "SlotB"); err != nil || len(fake.signals) != 1 || fake.signals[0] != "i-new SUCCESS" {
		t.Errorf("%v; the stack got %q", err, fake.signals)
	}
	if err := cloud.Signal(t.Context(), "prod", "SlotD"); !errors.Is(err, ErrNotAwaited) {
		t.Errorf("a slot that is not there took a signal: %v", err)
	}
	if err := cloud.Signal(t.Context(), "other", "SlotB"); err == nil || errors.Is(err, ErrNotAwaited) {
		t.Errorf("a stack that is not there took a signal, or waits for none: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	cloud := openFakeEC2(t, &fakeEC2{})
	if got, err := cloud.Metadata(t.Context(), "tags/instance/underlay:slot"); err != nil || got != "b" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := cloud.Metadata(t.Context(), "tags/instance/none"); err == nil {
		t.Errorf("a tag that is not there is %q", got)
	}
}

// The disk is the one whose serial number is the volume's, wherever the kernel has put it.
func TestDeviceOfVolume(t *testing.T) {
	root := fstest.MapFS{
		"sys/block/nvme0n1/device/serial": {Data: []byte("vol0000\n")},
		"sys/block/nvme2n1/device/serial": {Data: []byte("vol0a1b  \n")},
		"sys/block/loop0/size":            {Data: []byte("8\n")},
	}
	if got, err := AwaitDevice(t.Context(), root, "vol-0a1b"); err != nil || got != "/dev/nvme2n1" {
		t.Errorf("got %q, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got, err := AwaitDevice(ctx, root, "vol-absent"); err == nil {
		t.Errorf("a volume that is not there is %q", got)
	}
	root["dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0a1b"] = &fstest.MapFile{}
	if got, err := AwaitDevice(t.Context(), root, "vol-0a1b"); err != nil || got != "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0a1b" {
		t.Errorf("with udev's link: %q, %v", got, err)
	}
}

package aws

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/underlay/underlay/internal/testkit"
)

// openEmulated starts an emulator of AWS and opens an account in it.
func openEmulated(t *testing.T) *Cloud {
	t.Helper()
	setAWS(t, testkit.EmulateAWS(t))
	cloud, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}

// setAWS makes an emulator at url the only AWS there is.
func setAWS(t *testing.T, url string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
}

// launch starts machines with tags and returns their private addresses.
func launch(t *testing.T, cloud *Cloud, n int, tags map[string]string) (ids, addrs []string) {
	t.Helper()
	ask := url.Values{
		"ImageId": {"ami-12345678"}, "MinCount": {fmt.Sprint(n)}, "MaxCount": {fmt.Sprint(n)}, "TagSpecification.1.ResourceType": {"instance"},
	}
	for key, value := range tags {
		tag := fmt.Sprintf("TagSpecification.1.Tag.%d.", (len(ask)-4)/2+1)
		ask.Set(tag+"Key", key)
		ask.Set(tag+"Value", value)
	}
	var got struct {
		IDs   []string `xml:"instancesSet>item>instanceId"`
		Addrs []string `xml:"instancesSet>item>privateIpAddress"`
	}
	if err := cloud.query(t.Context(), "ec2", ec2Version, "RunInstances", ask, &got); err != nil {
		t.Fatal(err)
	}
	return got.IDs, got.Addrs
}

func TestTaggedMachines(t *testing.T) {
	cloud := openEmulated(t)
	tags := map[string]string{"cluster": "prod", "role": "peer"}
	ids, want := launch(t, cloud, 3, tags)
	launch(t, cloud, 1, map[string]string{"cluster": "prod", "role": "other"})
	launch(t, cloud, 1, map[string]string{"cluster": "test", "role": "peer"})
	got, err := cloud.Tagged(t.Context(), tags)
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if err := cloud.query(t.Context(), "ec2", ec2Version, "TerminateInstances", url.Values{"InstanceId.1": ids[:1]}, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := cloud.Tagged(t.Context(), tags); err != nil || len(got) != 2 {
		t.Errorf("after one was terminated: %v, %v", got, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cloud.Tagged(ended, tags); err == nil {
		t.Error("an ended request has an answer")
	}
}

// What only its readers may see comes decrypted; a backup arrives as it is.
func TestSecretsAndObjects(t *testing.T) {
	cloud := openEmulated(t)
	name := "/underlay/test/secret"
	if err := cloud.parameter(t.Context(), "PutParameter", map[string]any{"Name": name, "Value": "5e5e", "Type": "SecureString"}, &struct{}{}); err != nil {
		t.Fatal(err)
	}
	if got, err := cloud.Secret(t.Context(), name); err != nil || got != "5e5e" {
		t.Errorf("the secret is %q, %v", got, err)
	}
	if got, err := cloud.Secret(t.Context(), name+"2"); err == nil {
		t.Errorf("a secret that is not there is %q", got)
	}

	file := filepath.Join(t.TempDir(), "pins.backup")
	if err := os.WriteFile(file, []byte("the pins"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cloud.Put(t.Context(), file, "s3://absent/a b"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("into a bucket that is not there: %v", err)
	}
	request(t, http.MethodPut, cloud.at+"/bucket")
	if err := cloud.Put(t.Context(), file, "s3://bucket/a b/2026-01-01T00:00.backup"); err != nil {
		t.Fatal(err)
	}
	if got := request(t, http.MethodGet, cloud.at+"/bucket/a%20b/2026-01-01T00:00.backup"); got != "the pins" {
		t.Errorf("stored is %q", got)
	}
	for _, object := range []string{"bucket/key", "s3://bucket", "s3:///key", "s3://bucket/"} {
		if err := cloud.Put(t.Context(), file, object); err == nil {
			t.Errorf("%s was taken for an object", object)
		}
	}
}

// request sends an empty request to the emulator and returns what it answers.
func request(t *testing.T, method, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v: %s", method, url, res.Status, err, body)
	}
	return string(body)
}

// Whoever writes first has written, however many try.
func TestParameterIsWrittenOnce(t *testing.T) {
	cloud := openEmulated(t)
	p := cloud.Parameter("/underlay/test/genesis")
	if got, err := p.Read(t.Context()); err != nil || got != "" {
		t.Fatalf("before: %q, %v", got, err)
	}
	var running sync.WaitGroup
	seen := make([]string, 8)
	for i := range seen {
		running.Go(func() {
			if err := p.Create(t.Context(), fmt.Sprint("value ", i)); err != nil {
				t.Errorf("create: %v", err)
			}
			var err error
			if seen[i], err = p.Read(t.Context()); err != nil {
				t.Errorf("read: %v", err)
			}
		})
	}
	running.Wait()
	if first := seen[0]; first == "" || slices.ContainsFunc(seen, func(s string) bool { return s != first }) {
		t.Errorf("seen are %q", seen)
	}
}

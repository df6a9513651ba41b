package aws

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// atMachine makes this process run on an instance, as far as its metadata service says.
func atMachine(t *testing.T, document string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			write(w, "token")
		case "/latest/dynamic/instance-identity/document":
			write(w, document)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
}

func document(instance string) string {
	return `{"accountId":"123456789012","region":"eu-central-1","instanceId":"` + instance + `"}`
}

// A machine is gone when EC2 has terminated or forgotten it, and in no other case.
func TestGoneMachines(t *testing.T) {
	cloud := openEmulated(t)
	ids, _ := launch(t, cloud, 3, map[string]string{"cluster": "prod"})
	me, ended, stopped := ids[0], ids[1], ids[2]
	atMachine(t, document(me))
	cloud = reopen(t)
	name := func(instance string) string { return "123456789012/eu-central-1/" + instance }
	if got, err := cloud.Machine(t.Context()); err != nil || got != name(me) {
		t.Errorf("this machine is %q, %v", got, err)
	}
	if err := cloud.Gone(t.Context(), name(ended)); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "running") {
		t.Errorf("while it runs: %v", err)
	}
	for action, id := range map[string]string{"TerminateInstances": ended, "StopInstances": stopped} {
		if err := cloud.query(t.Context(), "ec2", ec2Version, action, url.Values{"InstanceId.1": {id}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, instance := range []string{ended, "i-0123456789abcdef0"} {
		if err := cloud.Gone(t.Context(), name(instance)); err != nil {
			t.Errorf("%s is not gone: %v", instance, err)
		}
	}
	for _, instance := range []string{stopped, me} {
		if err := cloud.Gone(t.Context(), name(instance)); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", instance, err)
		}
	}
	for _, other := range []string{"", ended, "123456789012/us-east-1/" + ended, "000000000000/eu-central-1/" + ended, name("")} {
		if err := cloud.Gone(t.Context(), other); err == nil {
			t.Errorf("%q is gone, although nobody here can know", other)
		}
	}

	atMachine(t, document("i-0fedcba9876543210")) // which this account does not have
	if err := reopen(t).Gone(t.Context(), name(ended)); err == nil || errors.Is(err, ErrExists) {
		t.Errorf("asked from another account: %v", err)
	}
}

// reopen opens the account in which the environment is now.
func reopen(t *testing.T) *Cloud {
	t.Helper()
	cloud, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}

// Whoever cannot be told which machine it is knows of none that it is gone.
func TestGoneWithoutIdentity(t *testing.T) {
	cloud := openFakeEC2(t, &fakeEC2{})
	if got, err := cloud.Machine(t.Context()); err == nil {
		t.Errorf("this machine is %q", got)
	}
	if err := cloud.Gone(t.Context(), "123456789012/eu-central-1/i-old"); err == nil {
		t.Error("a machine is gone, although nobody here can know")
	}
	atMachine(t, `{"instanceId":"i-new"}`)
	if got, err := reopen(t).Machine(t.Context()); err == nil {
		t.Errorf("without an account this machine is %q", got)
	}
}

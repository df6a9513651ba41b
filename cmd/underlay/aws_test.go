package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// The commands print what AWS says and nothing else, so that a script can use it, and fail when it says nothing.
func TestAWSCommands(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		answer := ""
		switch {
		case r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			answer = "token"
		case r.URL.Path == "/latest/meta-data/tags/instance/underlay:slot":
			answer = "b"
		case r.URL.Path == "/latest/meta-data/placement/availability-zone":
			answer = "eu-central-1b"
		case r.URL.Path == "/latest/meta-data/instance-id":
			answer = "i-1"
		case strings.Contains(string(body), "LogicalResourceId=SlotB"):
		case strings.Contains(string(body), "LogicalResourceId=SlotC"):
			w.WriteHeader(http.StatusBadRequest)
			answer = "<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>"
		case r.Header.Get("X-Amz-Target") == "AmazonSSM.GetParameter" && strings.Contains(string(body), `"WithDecryption":true`) &&
			strings.Contains(string(body), `"/underlay/secret"`):
			answer = `{"Parameter": {"Value": "5e5e"}}`
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		if _, writeErr := io.WriteString(w, answer); err != nil || writeErr != nil {
			t.Error(err, writeErr)
		}
	}))
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.URL, "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct {
		args string
		out  string
		code int
	}{
		{"aws tag underlay:slot", "b\n", 0},
		{"aws tag other", "", 1},
		{"aws zone", "eu-central-1b\n", 0},
		{"aws get /underlay/secret", "5e5e\n", 0},
		{"aws get /underlay/other", "", 1},
		{"aws signal prod", "", 1},
		{"aws signal prod SlotB", "", 0},
		{"aws signal prod SlotC", "", 0}, // for which the stack does not wait
		{"aws signal prod SlotD", "", 1},
		{"aws put file elsewhere", "", 1},
	} {
		t.Run(c.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), strings.Fields(c.args), environment{lookup: os.LookupEnv, stdout: &out, stderr: &errs})
			if out.String() != c.out || (code == 0) != (c.code == 0) {
				t.Errorf("exit code %d, %q\n%s", code, out.String(), errs.String())
			}
		})
	}
}

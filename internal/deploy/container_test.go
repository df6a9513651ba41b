package deploy

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/underlay/underlay/config"
)

// instructions returns the arguments of an instruction of the Dockerfile, of each time that it is there.
func instructions(t *testing.T, name string) (found []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "deploy/container/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.ReplaceAll(string(content), "\\\n", "")
	for _, match := range regexp.MustCompile(`(?m)^`+name+` (.*)$`).FindAllStringSubmatch(whole, -1) {
		found = append(found, match[1])
	}
	if len(found) == 0 {
		t.Fatalf("the Dockerfile has no %s", name)
	}
	return found
}

// The image is built by the Go of the module, opens the ports of the settings, is healthy if the gateway says so, and its program does
// not run as root.
func TestDockerfile(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if from := instructions(t, "FROM"); release == nil || !strings.HasPrefix(from[0], "golang:"+string(release[1])+"-") || len(from) != 2 {
		t.Errorf("it is built from %q", from)
	}
	conf := config.Default(os.LookupEnv)
	open := strings.Fields(instructions(t, "EXPOSE")[0])
	for _, addr := range []string{conf.Gateway.Listen, conf.API.Listen, conf.Cluster.Listen, ":4001"} {
		if _, port, err := net.SplitHostPort(addr); err != nil || !slices.Contains(open, port) {
			t.Errorf("%s is not among the ports %q, %v", addr, open, err)
		}
	}
	_, gateway, _ := net.SplitHostPort(conf.Gateway.Listen)
	if health := instructions(t, "HEALTHCHECK")[0]; !strings.Contains(health, "127.0.0.1:"+gateway+"/healthz") {
		t.Errorf("its health is %s", health)
	}
	if user := instructions(t, "USER"); !slices.Equal(user, []string{"underlay"}) {
		t.Errorf("its users are %q", user)
	}
}

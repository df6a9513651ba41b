package boottest

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// userData returns the user data of the template, with its parameters filled in. A package that has the sum is at the URL.
func userData(t *testing.T, url, sum string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "deploy/aws/cluster.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources struct {
			Machine struct {
				Properties struct {
					LaunchTemplateData struct {
						UserData struct {
							Text string `yaml:"Fn::Base64"`
						} `yaml:"UserData"`
					} `yaml:"LaunchTemplateData"`
				} `yaml:"Properties"`
			} `yaml:"Machine"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &template); err != nil {
		t.Fatal(err)
	}
	text := template.Resources.Machine.Properties.LaunchTemplateData.UserData.Text
	region := "AWS_REGION='${AWS::Region}'\n"
	if !strings.HasPrefix(text, "#cloud-config\n") || !strings.Contains(text, region) {
		t.Fatalf("the user data is\n%s", text)
	}
	line := text[strings.LastIndex(text[:strings.Index(text, region)], "\n")+1 : strings.Index(text, region)] // its indentation
	text = strings.Replace(text, region, region+line+"AWS_ENDPOINT_URL='http://"+regionAddr+"'\n", 1)
	text = strings.NewReplacer(
		"${AWS::StackName}", clusterName, "${AWS::Region}", regionName, "${PackageUrl}", url, "${PackageSha256}", sum,
		"${SecretParameter}", secretName, "${AdminTokenParameter}", "", "${MetricsTokenParameter}", "", "${Backups}", "backups",
	).Replace(text)
	if strings.Contains(text, "${") {
		t.Fatalf("there are more parameters in\n%s", text)
	}
	return text
}

// sumOf returns the SHA-256 of a file.
func sumOf(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

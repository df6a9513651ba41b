package deploy

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/testkit"
)

// region is the one whose zones the emulator knows.
const region = "us-east-1"

// emulator is an account at an emulator of AWS, which believes whatever it is told of who asks.
type emulator struct {
	t   *testing.T
	url string
}

func startEmulator(t *testing.T) emulator { return emulator{t, testkit.EmulateAWS(t)} }

// send makes a request to a service and returns the body of its answer.
func (e emulator) send(service, contentType, target, path, body string) []byte {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.url+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=test/20260101/%s/%s/aws4_request, SignedHeaders=host, Signature=0", region, service))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		e.t.Fatalf("%s: %s, %v: %s", service, res.Status, err, answer)
	}
	return answer
}

// ask makes a request of the services that answer in XML, and decodes the answer. Parameters are pairs of name and value.
func (e emulator) ask(service, version, action string, into any, params ...string) {
	e.t.Helper()
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	answer := e.send(service, "application/x-www-form-urlencoded", "", "/", form.Encode())
	if err := xml.Unmarshal(answer, into); err != nil {
		e.t.Fatalf("%s %s: %v: %s", service, action, err, answer)
	}
}

func (e emulator) balancing(action string, into any, params ...string) {
	e.t.Helper()
	e.ask("elasticloadbalancing", "2015-12-01", action, into, params...)
}

func (e emulator) ec2(action string, into any, params ...string) {
	e.t.Helper()
	e.ask("ec2", "2016-11-15", action, into, params...)
}

// stack is what a stack has become.
type stack struct {
	outputs   map[string]string
	resources map[string]string // what AWS calls each
}

// create makes a stack. Lists that the template has by default are given: the emulator does not take them apart by itself.
func (e emulator) create(name string, tmpl template, params map[string]string) stack {
	e.t.Helper()
	form := []string{"StackName", name, "TemplateBody", tmpl.body, "Capabilities.member.1", "CAPABILITY_IAM"}
	n := 0
	for param, p := range tmpl.Parameters {
		value, given := params[param]
		if !given && p.Type == "CommaDelimitedList" {
			value, given = fmt.Sprint(p.Default), true
		}
		if given {
			n++
			at := fmt.Sprintf("Parameters.member.%d.Parameter", n)
			form = append(form, at+"Key", param, at+"Value", value)
		}
	}
	e.ask("cloudformation", "2010-05-15", "CreateStack", new(struct{}), form...)

	var described struct {
		Stacks []struct {
			StackStatus string
			Outputs     []struct{ OutputKey, OutputValue string } `xml:"Outputs>member"`
		} `xml:"DescribeStacksResult>Stacks>member"`
	}
	e.ask("cloudformation", "2010-05-15", "DescribeStacks", &described, "StackName", name)
	if len(described.Stacks) != 1 || described.Stacks[0].StackStatus != "CREATE_COMPLETE" {
		e.t.Fatalf("stack %s: %+v", name, described)
	}
	made := stack{make(map[string]string), make(map[string]string)}
	for _, o := range described.Stacks[0].Outputs {
		made.outputs[o.OutputKey] = o.OutputValue
	}
	var has struct {
		Resources []struct{ LogicalResourceId, PhysicalResourceId, ResourceStatus string } `xml:"DescribeStackResourcesResult>StackResources>member"`
	}
	e.ask("cloudformation", "2010-05-15", "DescribeStackResources", &has, "StackName", name)
	for _, r := range has.Resources {
		if r.LogicalResourceId != "" && r.ResourceStatus == "CREATE_COMPLETE" {
			made.resources[r.LogicalResourceId] = r.PhysicalResourceId
		}
	}
	return made
}

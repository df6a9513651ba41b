package deploy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// notEmulated are the kinds of resources that the emulator does not make; the tests of the templates alone look at them.
func notEmulated() []string {
	return []string{"AWS::CloudFormation::WaitCondition", "AWS::CloudWatch::Alarm", "AWS::DLM::LifecyclePolicy"}
}

// Both stacks are made, with everything that can be switched on, and are then what the specification says.
func TestStacks(t *testing.T) {
	e := startEmulator(t)
	network := e.create("net", readTemplate(t, "network.yaml"), nil)
	tmpl := readTemplate(t, "cluster.yaml")
	cluster := e.create("prod", tmpl, map[string]string{
		"VpcId": network.outputs["VpcId"], "SubnetIds": network.outputs["SubnetIds"], "Zones": network.outputs["Zones"],
		"PackageUrl": "s3://packages/underlay_0.1.0_amd64.deb", "PackageSha256": strings.Repeat("0", 64),
		"SecretParameter": "/underlay/secret", "AdminTokenParameter": "/underlay/admin-token", "MetricsTokenParameter": "/underlay/metrics-token", "AlarmEmail": "ops@example.org",
		"CertificateArn": e.certificate(), "HostedZoneId": e.zone(), "GatewayName": "ipfs.example.org",
	})
	t.Run("every resource", func(t *testing.T) { everyResource(t, tmpl, cluster) })
	t.Run("listeners", func(t *testing.T) { listeners(t, e, cluster) })
	t.Run("target groups", func(t *testing.T) { targetGroups(t, e, cluster) })
	t.Run("security groups", func(t *testing.T) { securityGroups(t, e, cluster) })
	t.Run("machines", func(t *testing.T) { machines(t, e, cluster) })
	t.Run("volumes", func(t *testing.T) { volumes(t, e, cluster) })
	t.Run("user data", func(t *testing.T) { machineUserData(t, e, cluster) })
	if got := cluster.outputs["GatewayUrl"]; got != "https://ipfs.example.org" {
		t.Errorf("the gateway is at %s", got)
	}
}

// Without anything that can be switched off there is no port 443, and a stack can take the volumes of an earlier one.
func TestSmallestStack(t *testing.T) {
	e := startEmulator(t)
	network := e.create("net", readTemplate(t, "network.yaml"), nil)
	tmpl := readTemplate(t, "cluster.yaml")
	cluster := e.create("prod", tmpl, map[string]string{
		"VpcId": network.outputs["VpcId"], "SubnetIds": network.outputs["SubnetIds"], "Zones": network.outputs["Zones"],
		"PackageUrl": "https://example.org/underlay.deb", "PackageSha256": strings.Repeat("0", 64),
		"SecretParameter": "/underlay/secret", "Volumes": "vol-1,vol-2,vol-3",
	})
	for _, name := range []string{"GatewayHttps", "GatewayRecords", "AlarmTopic", "MetricsGroup", "MetricsToPeers", "VolumeA", "VolumeB", "VolumeC"} {
		if cluster.resources[name] != "" {
			t.Errorf("there is a %s", name)
		}
	}
	if got := cluster.outputs["PeerVolumes"]; got != "vol-1,vol-2,vol-3" {
		t.Errorf("its volumes are %s", got)
	}
	if got := cluster.outputs["GatewayUrl"]; !strings.HasPrefix(got, "http://") {
		t.Errorf("the gateway is at %s", got)
	}
}

func (e emulator) certificate() string {
	e.t.Helper()
	var got struct{ CertificateArn string }
	answer := e.send("acm", "application/x-amz-json-1.1", "CertificateManager.RequestCertificate", "/", `{"DomainName": "ipfs.example.org"}`)
	if err := json.Unmarshal(answer, &got); err != nil {
		e.t.Fatal(err)
	}
	return got.CertificateArn
}

func (e emulator) zone() string {
	e.t.Helper()
	answer := string(e.send("route53", "text/xml", "", "/2013-04-01/hostedzone",
		`<CreateHostedZoneRequest><Name>example.org</Name><CallerReference>1</CallerReference></CreateHostedZoneRequest>`))
	_, id, _ := strings.Cut(answer, "/hostedzone/")
	id, _, _ = strings.Cut(id, "<")
	return id
}

func everyResource(t *testing.T, tmpl template, made stack) {
	for name, r := range tmpl.Resources {
		if _, ok := made.resources[name]; ok == slices.Contains(notEmulated(), r.Type) {
			t.Errorf("%s (%s) was made: %t", name, r.Type, ok)
		}
	}
	t.Logf("%d of %d resources made, the others are %v", len(made.resources), len(tmpl.Resources), notEmulated())
}

func listeners(t *testing.T, e emulator, made stack) {
	targets := map[string]string{made.resources["GatewayTargets"]: "GatewayTargets", made.resources["ClusterTargets"]: "ClusterTargets"}
	for balancer, want := range map[string][]string{
		"GatewayBalancer": {"HTTP 80 to GatewayTargets", "HTTPS 443 to GatewayTargets"},
		"ClusterBalancer": {"HTTP 5001 to ClusterTargets", "HTTP 9095 to ClusterTargets"},
	} {
		var answer struct {
			Listeners []struct {
				Port, Protocol string
				Actions        []struct{ Type, TargetGroupArn string } `xml:"DefaultActions>member"`
			} `xml:"DescribeListenersResult>Listeners>member"`
		}
		e.balancing("DescribeListeners", &answer, "LoadBalancerArn", made.resources[balancer])
		var got []string
		for _, l := range answer.Listeners {
			for _, a := range l.Actions {
				got = append(got, fmt.Sprintf("%s %s to %s", l.Protocol, l.Port, targets[a.TargetGroupArn]))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", balancer, got, want)
		}
	}
	for balancer, scheme := range map[string]string{"GatewayBalancer": "internet-facing", "ClusterBalancer": "internal"} {
		var answer struct {
			Balancers []struct {
				Scheme string
				Groups []string `xml:"SecurityGroups>member"`
				Zones  []string `xml:"AvailabilityZones>member>ZoneName"`
			} `xml:"DescribeLoadBalancersResult>LoadBalancers>member"`
		}
		e.balancing("DescribeLoadBalancers", &answer, "LoadBalancerArns.member.1", made.resources[balancer])
		group := made.resources[strings.Replace(balancer, "Balancer", "Group", 1)]
		for _, b := range answer.Balancers {
			if b.Scheme != scheme || !slices.Equal(b.Groups, []string{group}) || len(b.Zones) != 3 {
				t.Errorf("%s is %+v", balancer, b)
			}
		}
		if len(answer.Balancers) != 1 {
			t.Errorf("there are %d of %s", len(answer.Balancers), balancer)
		}
	}
}

func targetGroups(t *testing.T, e emulator, made stack) {
	for name, want := range map[string]string{
		"GatewayTargets": "HTTP 8080, check HTTP traffic-port /readyz 200 every 10 s within 5 s, 2 up, 2 down",
		"ClusterTargets": "HTTP 9095, check HTTP traffic-port /health 204 every 10 s within 5 s, 2 up, 2 down",
	} {
		var answer struct {
			Groups []struct {
				Protocol, Port, HealthCheckProtocol, HealthCheckPort, HealthCheckPath  string
				HealthCheckIntervalSeconds, HealthCheckTimeoutSeconds                  string
				HealthyThresholdCount, UnhealthyThresholdCount, HealthCheckEnabled, ID string
				Code                                                                   string `xml:"Matcher>HttpCode"`
			} `xml:"DescribeTargetGroupsResult>TargetGroups>member"`
		}
		e.balancing("DescribeTargetGroups", &answer, "TargetGroupArns.member.1", made.resources[name])
		if len(answer.Groups) != 1 {
			t.Fatalf("there are %d of %s", len(answer.Groups), name)
		}
		g := answer.Groups[0]
		got := fmt.Sprintf("%s %s, check %s %s %s %s every %s s within %s s, %s up, %s down", g.Protocol, g.Port, g.HealthCheckProtocol, g.HealthCheckPort,
			g.HealthCheckPath, g.Code, g.HealthCheckIntervalSeconds, g.HealthCheckTimeoutSeconds, g.HealthyThresholdCount, g.UnhealthyThresholdCount)
		if got != want {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
	}
}

func securityGroups(t *testing.T, e emulator, made stack) {
	names := make(map[string]string)
	for name, id := range made.resources {
		names[id] = name
	}
	for name, want := range map[string][]string{
		"GatewayGroup": {"tcp 443 from 0.0.0.0/0", "tcp 80 from 0.0.0.0/0"},
		"ClientGroup":  nil,
		"MetricsGroup": nil,
		"ClusterGroup": {"tcp 5001 from ClientGroup", "tcp 9095 from ClientGroup"},
		"PeersGroup": {
			"tcp 4001 from 0.0.0.0/0", "tcp 8080 from GatewayGroup", "tcp 9095 from ClusterGroup", "tcp 9095 from MetricsGroup", "tcp 9095 from PeersGroup",
			"tcp 9096 from PeersGroup", "udp 4001 from 0.0.0.0/0",
		},
	} {
		var answer struct {
			Rules []struct {
				Protocol string   `xml:"ipProtocol"`
				From     string   `xml:"fromPort"`
				To       string   `xml:"toPort"`
				Groups   []string `xml:"groups>item>groupId"`
				Ranges   []string `xml:"ipRanges>item>cidrIp"`
			} `xml:"securityGroupInfo>item>ipPermissions>item"`
		}
		e.ec2("DescribeSecurityGroups", &answer, "GroupId.1", made.resources[name])
		var got []string
		for _, r := range answer.Rules {
			if r.From != r.To {
				t.Errorf("%s has a range of ports: %+v", name, r)
			}
			for _, from := range r.Ranges {
				got = append(got, fmt.Sprintf("%s %s from %s", r.Protocol, r.From, from))
			}
			for _, from := range r.Groups {
				got = append(got, fmt.Sprintf("%s %s from %s", r.Protocol, r.From, names[from]))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s lets in\n%q, want\n%q", name, got, want)
		}
	}
}

// machines checks that each slot has started one machine in its zone, behind both balancers, which knows its slot and volume.
func machines(t *testing.T, e emulator, made stack) {
	zones := make(map[string]bool)
	for _, slot := range []string{"A", "B", "C"} {
		var answer struct {
			Machines []struct {
				Zone string `xml:"placement>availabilityZone"`
				Tags []struct {
					Key   string `xml:"key"`
					Value string `xml:"value"`
				} `xml:"tagSet>item"`
			} `xml:"reservationSet>item>instancesSet>item"`
		}
		e.ec2("DescribeInstances", &answer, "Filter.1.Name", "tag:underlay:slot", "Filter.1.Value.1", strings.ToLower(slot))
		if len(answer.Machines) != 1 {
			t.Fatalf("slot %s has %d machines", slot, len(answer.Machines))
		}
		tags := make(map[string]string)
		for _, tag := range answer.Machines[0].Tags {
			tags[tag.Key] = tag.Value
		}
		if tags["underlay:cluster"] != "prod" || tags["underlay:volume"] != made.resources["Volume"+slot] {
			t.Errorf("the machine of slot %s has the tags %v", slot, tags)
		}
		zones[answer.Machines[0].Zone] = true
		var group struct {
			Targets []string `xml:"DescribeAutoScalingGroupsResult>AutoScalingGroups>member>TargetGroupARNs>member"`
			Health  string   `xml:"DescribeAutoScalingGroupsResult>AutoScalingGroups>member>HealthCheckType"`
		}
		e.ask("autoscaling", "2011-01-01", "DescribeAutoScalingGroups", &group, "AutoScalingGroupNames.member.1", made.resources["Slot"+slot])
		want := []string{made.resources["GatewayTargets"], made.resources["ClusterTargets"]}
		if !slices.Equal(group.Targets, want) || group.Health != "EC2" {
			t.Errorf("slot %s is %+v", slot, group)
		}
	}
	if len(zones) != 3 {
		t.Errorf("the machines are in the zones %v", slices.Collect(maps.Keys(zones)))
	}
}

func volumes(t *testing.T, e emulator, made stack) {
	zones := make(map[string]bool)
	for _, slot := range []string{"A", "B", "C"} {
		var answer struct {
			Size string `xml:"volumeSet>item>size"`
			Zone string `xml:"volumeSet>item>availabilityZone"`
		}
		e.ec2("DescribeVolumes", &answer, "VolumeId.1", made.resources["Volume"+slot])
		if answer.Size != "512" {
			t.Errorf("volume %s has %s GiB", slot, answer.Size)
		}
		zones[answer.Zone] = true
	}
	if len(zones) != 3 {
		t.Errorf("the volumes are in the zones %v", slices.Collect(maps.Keys(zones)))
	}
}

// machineUserData checks what a machine gets in the end: EC2 takes 16 KiB.
func machineUserData(t *testing.T, e emulator, made stack) {
	var answer struct {
		UserData string `xml:"launchTemplateVersionSet>item>launchTemplateData>userData"`
	}
	e.ec2("DescribeLaunchTemplateVersions", &answer, "LaunchTemplateId", made.resources["Machine"])
	raw, err := base64.StdEncoding.DecodeString(answer.UserData)
	if err != nil || len(raw) == 0 || len(raw) > 16<<10 {
		t.Fatalf("user data of %d bytes, %v", len(raw), err)
	}
	t.Log("user data has " + strconv.Itoa(len(raw)) + " bytes")
	boot, _ := cloudConfig(t, string(raw))
	for _, line := range []string{"CLUSTER='prod'", "AWS_REGION='us-east-1'", "SECRET_PARAMETER='/underlay/secret'", "METRICS_TOKEN_PARAMETER='/underlay/metrics-token'", "BACKUPS='" + made.resources["Backups"] + "'"} {
		if !strings.Contains(boot, line+"\n") {
			t.Errorf("boot.env lacks %s:\n%s", line, boot)
		}
	}
	checkCloudConfig(t, raw)
}

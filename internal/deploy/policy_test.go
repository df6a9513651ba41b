package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/aws"
)

// The world reaches the ports of the gateway's balancer and of the IPFS swarm, and nothing else.
func TestWorldReachesPublicPortsOnly(t *testing.T) {
	tmpl := readTemplate(t, "cluster.yaml")
	open := make(map[string]bool)
	check := func(name string, rule any) {
		if at(rule, "CidrIp") == nil && at(rule, "CidrIpv6") == nil {
			if at(rule, "SourceSecurityGroupId") == nil {
				t.Errorf("%s: a rule names neither addresses nor a group: %v", name, rule)
			}
			return
		}
		if !equal(at(rule, "FromPort"), at(rule, "ToPort")) || at(rule, "CidrIp") != "0.0.0.0/0" {
			t.Errorf("%s: %v is no single port that is open to the world", name, rule)
		}
		open[fmt.Sprint(name, " ", at(rule, "IpProtocol"), " ", at(rule, "FromPort"))] = true
	}
	for name, group := range tmpl.of("AWS::EC2::SecurityGroup") {
		if group.Properties["SecurityGroupEgress"] == nil {
			t.Errorf("%s: says nothing of what goes out, which is everything", name)
		}
		for _, rule := range list(group.Properties["SecurityGroupIngress"]) {
			check(name, rule)
		}
	}
	for name, rule := range tmpl.of("AWS::EC2::SecurityGroupIngress") {
		check(name, rule.Properties)
	}
	want := []string{"GatewayGroup tcp 80", "GatewayGroup tcp 443", "PeersGroup tcp 4001", "PeersGroup udp 4001"}
	for _, port := range want {
		if !open[port] {
			t.Errorf("%s is not open", port)
		}
		delete(open, port)
	}
	if len(open) > 0 {
		t.Errorf("open to the world are also %v", open)
	}
}

// A machine that leaves is forgotten after a minute, and no connection that a balancer keeps is one that a peer has closed.
func TestBalancersWaitAsPeersDo(t *testing.T) {
	tmpl := readTemplate(t, "cluster.yaml")
	for _, name := range []string{"GatewayTargets", "ClusterTargets"} {
		got := tmpl.Resources[name].Properties["TargetGroupAttributes"]
		if want := []any{map[string]any{"Key": "deregistration_delay.timeout_seconds", "Value": 60}}; !equal(got, want) {
			t.Errorf("%s has %v", name, got)
		}
	}
	for _, name := range []string{"GatewayBalancer", "ClusterBalancer"} {
		got := tmpl.Resources[name].Properties["LoadBalancerAttributes"]
		if want := map[string]any{"Key": "idle_timeout.timeout_seconds", "Value": 60}; !equal(at(got, 0), want) {
			t.Errorf("%s has %v", name, got)
		}
	}
}

// A volume is encrypted, of the fast kind, tagged, in its slot's zone, and outlives its stack.
func TestVolumesOutliveTheirStack(t *testing.T) {
	volumes := readTemplate(t, "cluster.yaml").of("AWS::EC2::Volume")
	if len(volumes) != 3 {
		t.Fatalf("there are %d volumes", len(volumes))
	}
	for i, slot := range []string{"a", "b", "c"} {
		name := "Volume" + strings.ToUpper(slot)
		v := volumes[name]
		if v.DeletionPolicy != "Retain" || v.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s is not retained: %s, %s", name, v.DeletionPolicy, v.UpdateReplacePolicy)
		}
		for key, want := range map[string]any{
			"Encrypted": true, "VolumeType": "gp3", "Size": ref("VolumeSize"),
			"AvailabilityZone": map[string]any{"Fn::Select": []any{i, ref("Zones")}},
		} {
			if got := v.Properties[key]; !equal(got, want) {
				t.Errorf("%s: %s is %v, want %v", name, key, got, want)
			}
		}
		tags := tagsOf(v)
		if tags["underlay:slot"] != slot || tags["underlay:cluster"] != fmt.Sprint(ref("AWS::StackName")) {
			t.Errorf("%s has the tags %v", name, tags)
		}
	}
}

// A slot is one machine in the zone of its volume; slots change one after the other, each when the one before is ready; a
// balancer's opinion ends no machine.
func TestSlotsChangeOneByOne(t *testing.T) {
	tmpl := readTemplate(t, "cluster.yaml")
	if slots := tmpl.of("AWS::AutoScaling::AutoScalingGroup"); len(slots) != 3 {
		t.Fatalf("there are %d slots", len(slots))
	}
	before := ""
	for i, slot := range []string{"A", "B", "C"} {
		r := tmpl.Resources["Slot"+slot]
		for key, want := range map[string]any{
			"MinSize": 1, "MaxSize": 1, "DesiredCapacity": 1, "HealthCheckType": "EC2",
			"VPCZoneIdentifier": []any{map[string]any{"Fn::Select": []any{i, ref("SubnetIds")}}},
			"TargetGroupARNs":   []any{ref("GatewayTargets"), ref("ClusterTargets")},
		} {
			if got := r.Properties[key]; !equal(got, want) {
				t.Errorf("slot %s: %s is %v, want %v", slot, key, got, want)
			}
		}
		if r.DependsOn != before {
			t.Errorf("slot %s waits for %q, want %q", slot, r.DependsOn, before)
		}
		before = "Slot" + slot
		update := at(r.UpdatePolicy, "AutoScalingRollingUpdate")
		if !equal(at(update, "WaitOnResourceSignals"), true) || !equal(at(update, "MinInstancesInService"), 0) || at(update, "PauseTime") == nil {
			t.Errorf("slot %s is updated by %v", slot, update)
		}
		// A machine that is to end may take as long as its service: it learns of that within seconds, and drains.
		hook := at(r.Properties, "LifecycleHookSpecificationList", 0)
		wait, _ := at(hook, "HeartbeatTimeout").(int)
		if at(hook, "LifecycleTransition") != "autoscaling:EC2_INSTANCE_TERMINATING" || at(hook, "DefaultResult") != "CONTINUE" ||
			at(hook, "LifecycleHookName") != aws.DrainHook || float64(wait) < stopLimit(t) {
			t.Errorf("slot %s ends by %v", slot, hook)
		}
		tags := tagsOf(r)
		if tags["underlay:slot"] != strings.ToLower(slot) || !strings.Contains(tags["underlay:volume"], "Volume"+slot) {
			t.Errorf("slot %s has the tags %v", slot, tags)
		}
		for _, tag := range list(r.Properties["Tags"]) {
			if at(tag, "PropagateAtLaunch") != true {
				t.Errorf("slot %s: its machine does not get %v", slot, tag)
			}
		}
	}
	formed := tmpl.Resources["Formed"]
	if formed.DependsOn != "SlotC" || !equal(at(formed.CreationPolicy, "ResourceSignal", "Count"), 3) {
		t.Errorf("the stack is made when %v after %s", formed.CreationPolicy, formed.DependsOn)
	}
}

// A machine answers no unsigned metadata request, keeps its own disk encrypted, and takes the newest image of a name.
func TestMachine(t *testing.T) {
	data := at(readTemplate(t, "cluster.yaml").Resources["Machine"].Properties, "LaunchTemplateData")
	for key, want := range map[string]any{"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"} {
		if got := at(data, "MetadataOptions", key); !equal(got, want) {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	disks := list(at(data, "BlockDeviceMappings"))
	if len(disks) != 1 || at(disks[0], "Ebs", "Encrypted") != true {
		t.Errorf("its disks are %v", disks)
	}
	if image := at(data, "ImageId", "Fn::Sub"); image != "resolve:ssm:${ImageParameter}" {
		t.Errorf("its image is %v", image)
	}
	if at(data, "KeyName") != nil {
		t.Error("it lets SSH in")
	}
	if at(data, "InstanceMarketOptions") != nil {
		t.Error("it has a vote, and may be a spot instance")
	}
}

// The role of a peer allows exactly this. Only what AWS cannot restrict, or must be asked of everything, is for all resources.
func TestLeastPrivilege(t *testing.T) {
	tmpl := readTemplate(t, "cluster.yaml")
	want := map[string]bool{ // whether it is for all resources
		"ec2:DescribeInstances": true, "ec2:DescribeVolumes": true, "ec2:AttachVolume": false, "ssm:GetParameter": false,
		"ssm:PutParameter": false, "cloudformation:SignalResource": false, "autoscaling:CompleteLifecycleAction": false, "s3:PutObject": false, "s3:GetObject": false,
		"ssm:UpdateInstanceInformation": true, "ssmmessages:CreateControlChannel": true, "ssmmessages:CreateDataChannel": true,
		"ssmmessages:OpenControlChannel": true, "ssmmessages:OpenDataChannel": true,
	}
	if got := tmpl.Resources["PeerRole"].Properties["ManagedPolicyArns"]; got != nil {
		t.Errorf("the role has policies that are not ours: %v", got)
	}
	policies := []any{tmpl.Resources["PeerRole"].Properties["Policies"], tmpl.Resources["PackagePolicy"].Properties["PolicyDocument"]}
	for _, statement := range statements(policies) {
		for _, action := range anyList(at(statement, "Action")) {
			everywhere, known := want[fmt.Sprint(action)]
			if !known {
				t.Errorf("the role allows %v", action)
			}
			if all := slices.ContainsFunc(anyList(at(statement, "Resource")), func(r any) bool { return r == "*" }); all != everywhere {
				t.Errorf("%v is for all resources: %t", action, all)
			}
			delete(want, fmt.Sprint(action))
			if action == "ec2:AttachVolume" && at(statement, "Condition", "StringEquals", "aws:ResourceTag/underlay:cluster") == nil {
				t.Error("the role may attach volumes of others")
			}
		}
		if at(statement, "Effect") != "Allow" {
			t.Errorf("a statement is %v", statement)
		}
	}
	if len(want) > 0 {
		t.Errorf("the role does not allow %v", want)
	}
}

// statements finds all statements in policies.
func statements(v any) (found []any) {
	switch inner := v.(type) {
	case map[string]any:
		if s := list(inner["Statement"]); s != nil {
			return s
		}
		for _, value := range inner {
			found = append(found, statements(value)...)
		}
	case []any:
		for _, value := range inner {
			found = append(found, statements(value)...)
		}
	}
	return found
}

// anyList returns a list, or the one value that stands in its place.
func anyList(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// Backups are encrypted, private and stay; volumes are copied every day.
func TestCopies(t *testing.T) {
	tmpl := readTemplate(t, "cluster.yaml")
	bucket := tmpl.Resources["Backups"]
	if bucket.DeletionPolicy != "Retain" || at(bucket.Properties, "BucketEncryption") == nil {
		t.Errorf("the bucket is %+v", bucket)
	}
	for _, key := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if at(bucket.Properties, "PublicAccessBlockConfiguration", key) != true {
			t.Errorf("the bucket lacks %s", key)
		}
	}
	policy := at(tmpl.Resources["Snapshots"].Properties, "PolicyDetails")
	if !equal(at(policy, "TargetTags", 0, "Key"), "underlay:cluster") || !equal(at(policy, "Schedules", 0, "RetainRule", "Count"), 7) {
		t.Errorf("snapshots are made by %v", policy)
	}
}

// Each alarm watches something that the stack has, and tells whoever asked to be told.
func TestAlarms(t *testing.T) {
	tmpl := readTemplate(t, "cluster.yaml")
	alarms := tmpl.of("AWS::CloudWatch::Alarm")
	for _, name := range []string{"GatewayPeerOut", "ClusterPeerOut", "QuorumLost", "GatewayErrors"} {
		if _, ok := alarms[name]; !ok {
			t.Errorf("there is no alarm %s", name)
		}
	}
	for name, alarm := range alarms {
		if alarm.Properties["AlarmActions"] == nil || alarm.Properties["TreatMissingData"] == nil {
			t.Errorf("%s tells nobody, or says nothing of missing data", name)
		}
		for _, d := range list(alarm.Properties["Dimensions"]) {
			of, _, _ := strings.Cut(fmt.Sprint(at(d, "Value", "Fn::GetAtt")), ".")
			if _, ok := tmpl.Resources[of]; !ok {
				t.Errorf("%s watches %s, which is not there", name, of)
			}
		}
	}
	if got := alarms["QuorumLost"].Properties; !equal(got["Threshold"], 2) || got["TreatMissingData"] != "breaching" {
		t.Errorf("a lost quorum is %v", got)
	}
}

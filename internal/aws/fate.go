package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ErrExists reports a machine that EC2 still knows: it may come back.
var ErrExists = errors.New("EC2 still has the machine")

// Machine names this machine as no other one is named, ever: ACCOUNT/REGION/INSTANCE.
func (c *Cloud) Machine(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	me, err := c.self.GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("ask EC2 which machine this is: %w", err)
	}
	if me.AccountID == "" || me.Region == "" || me.InstanceID == "" {
		return "", errors.New("ask EC2 which machine this is: it leaves out the account, the region or the instance")
	}
	return me.AccountID + "/" + me.Region + "/" + me.InstanceID, nil
}

// Gone returns nil if EC2 is sure that a machine, as Machine named it, will never run again: it is terminated, or EC2 does not know
// it any more. The error is ErrExists if EC2 has it in any other state, also stopped, and else says why EC2 could not tell.
//
// That EC2 does not know a machine means nothing if the question went to another account or region. So the machine that asks must be
// of the same ones, and be in the answer itself. It needs ec2:DescribeInstances.
func (c *Cloud) Gone(ctx context.Context, machine string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	me, err := c.Machine(ctx)
	if err != nil {
		return err
	}
	home, self := splitMachine(me)
	where, instance := splitMachine(machine)
	if where != home || instance == "" {
		return fmt.Errorf("look up machine %q: only those of %s can be looked up from here", machine, home)
	}
	states, err := c.states(ctx, instance, self)
	switch state := states[instance]; {
	case err != nil:
		return err
	case states[self] == "":
		return fmt.Errorf("look up instance %s: EC2 answers without this machine, %s: the credentials or the region are not its own", instance, self)
	case state != "" && state != "terminated":
		return fmt.Errorf("%w: %s is %s", ErrExists, instance, state)
	}
	return nil
}

// splitMachine takes the name of a machine apart.
func splitMachine(machine string) (where, instance string) {
	i := strings.LastIndexByte(machine, '/')
	return machine[:max(0, i)], machine[i+1:]
}

// states returns the states of those instances that EC2 knows. A filter leaves out the others, where a list of IDs would be refused.
func (c *Cloud) states(ctx context.Context, instances ...string) (map[string]string, error) {
	ask := url.Values{"Filter.1.Name": {"instance-id"}}
	for i, id := range instances {
		ask.Set(fmt.Sprintf("Filter.1.Value.%d", i+1), id)
	}
	var found struct {
		Instances []struct {
			ID    string `xml:"instanceId"`
			State string `xml:"instanceState>name"`
		} `xml:"reservationSet>item>instancesSet>item"`
	}
	if err := c.query(ctx, "ec2", ec2Version, "DescribeInstances", ask, &found); err != nil {
		return nil, fmt.Errorf("look up EC2 instances %v: %w", instances, err)
	}
	states := make(map[string]string)
	for _, i := range found.Instances {
		states[i.ID] = i.State
	}
	return states, nil
}

package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// Metadata returns what EC2 tells this machine about itself: instance-id, tags/instance/NAME and so on.
func (c *Cloud) Metadata(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got, err := c.self.GetMetadata(ctx, &imds.GetMetadataInput{Path: name})
	if err != nil {
		return "", fmt.Errorf("ask EC2 for %s of this machine: %w", name, err)
	}
	defer got.Content.Close()
	value, err := io.ReadAll(got.Content)
	if err != nil {
		return "", fmt.Errorf("read %s of this machine: %w", name, err)
	}
	return strings.TrimSpace(string(value)), nil
}

// Secret returns the value of a parameter, decrypted if it is a SecureString. It needs ssm:GetParameter.
func (c *Cloud) Secret(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.value(ctx, name, true)
}

// ErrNotAwaited reports a stack that does not wait for a resource, or has none of that name.
var ErrNotAwaited = errors.New("the stack does not wait for it")

// Signal tells a CloudFormation stack that this machine is what it waits for in one of its resources. A stack that does not
// wait refuses with ErrNotAwaited. It needs cloudformation:SignalResource.
func (c *Cloud) Signal(ctx context.Context, stack, resource string) error {
	me, err := c.Metadata(ctx, "instance-id")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = c.query(ctx, "cloudformation", "2010-05-15", "SignalResource", url.Values{
		"StackName": {stack}, "LogicalResourceId": {resource}, "UniqueId": {me}, "Status": {"SUCCESS"},
	}, nil)
	if isFault(err, "ValidationError") {
		err = fmt.Errorf("%w: %w", ErrNotAwaited, err)
	}
	if err != nil {
		return fmt.Errorf("signal %s of stack %s: %w", resource, stack, err)
	}
	return nil
}

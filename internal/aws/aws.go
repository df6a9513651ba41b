package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// timeout bounds one question, retries included.
const timeout = 15 * time.Second

// Cloud is an account in a region. Its methods may be called from any goroutine.
type Cloud struct {
	conf       aws.Config
	machines   *ec2.Client
	parameters *ssm.Client
	stacks     *cloudformation.Client
	self       *imds.Client
	interval   time.Duration // between two looks at something that is waited for
}

// Open finds out which account and region this machine works with.
func Open(ctx context.Context) (*Cloud, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conf, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the settings for AWS: %w", err)
	}
	if conf.Region == "" {
		where, err := imds.NewFromConfig(conf).GetRegion(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("find the AWS region: set AWS_REGION, or run on EC2: %w", err)
		}
		conf.Region = where.Region
	}
	return &Cloud{
		conf: conf, machines: ec2.NewFromConfig(conf), parameters: ssm.NewFromConfig(conf), stacks: cloudformation.NewFromConfig(conf),
		self: imds.NewFromConfig(conf), interval: 2 * time.Second,
	}, nil
}

// Tagged returns the private addresses of the running machines that have all the tags. It needs ec2:DescribeInstances.
func (c *Cloud) Tagged(ctx context.Context, tags map[string]string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ask := &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{{Name: ref("instance-state-name"), Values: []string{"running"}}}}
	for key, value := range tags {
		ask.Filters = append(ask.Filters, ec2types.Filter{Name: ref("tag:" + key), Values: []string{value}})
	}
	var addrs []string
	for pages := ec2.NewDescribeInstancesPaginator(c.machines, ask); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return addrs, fmt.Errorf("list EC2 instances with the tags %v: %w", tags, err)
		}
		for _, reservation := range page.Reservations {
			for _, machine := range reservation.Instances {
				if machine.PrivateIpAddress != nil {
					addrs = append(addrs, *machine.PrivateIpAddress)
				}
			}
		}
	}
	return addrs, nil
}

// Parameter is a parameter of Systems Manager that is written once.
type Parameter struct {
	cloud *Cloud
	name  string
}

// Parameter returns the parameter of that name, which need not be there. It needs ssm:GetParameter and ssm:PutParameter.
func (c *Cloud) Parameter(name string) *Parameter { return &Parameter{c, name} }

// Read returns its value; empty: it is not there.
func (p *Parameter) Read(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got, err := p.cloud.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &p.name})
	if _, ok := errors.AsType[*ssmtypes.ParameterNotFound](err); ok {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read parameter %s: %w", p.name, err)
	}
	return *got.Parameter.Value, nil
}

// Create gives it a value unless it has one already, which is no error.
func (p *Parameter) Create(ctx context.Context, value string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := p.cloud.parameters.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &p.name, Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: ref(false),
		Description: ref("Written once by an underlay cluster. Do not change."),
	})
	if _, ok := errors.AsType[*ssmtypes.ParameterAlreadyExists](err); err != nil && !ok {
		return fmt.Errorf("write parameter %s: %w", p.name, err)
	}
	return nil
}

func ref[T any](v T) *T { return &v }

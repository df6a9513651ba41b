package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// timeout bounds one question, retries included.
const timeout = 15 * time.Second

// ec2Version is the version of EC2's API.
const ec2Version = "2016-11-15"

// Cloud is an account in a region. Its methods may be called from any goroutine.
type Cloud struct {
	self        *imds.Client
	credentials aws.CredentialsProvider
	region      string
	at          string        // where all services are asked; empty: each at its own endpoint
	interval    time.Duration // between two looks at something that is waited for
}

// Open finds out which account and region this machine works with.
func Open(ctx context.Context) (*Cloud, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := &Cloud{
		self:     imds.New(imds.Options{Endpoint: os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")}),
		region:   cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
		at:       os.Getenv("AWS_ENDPOINT_URL"),
		interval: 2 * time.Second,
	}
	if key := os.Getenv("AWS_ACCESS_KEY_ID"); key != "" {
		c.credentials = credentials.NewStaticCredentialsProvider(key, os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"))
	} else {
		c.credentials = aws.NewCredentialsCache(ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = c.self }))
	}
	if c.region == "" {
		where, err := c.self.GetRegion(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("find the AWS region: set AWS_REGION, or run on EC2: %w", err)
		}
		c.region = where.Region
	}
	return c, nil
}

// Tagged returns the private addresses of the running machines that have all the tags. It needs ec2:DescribeInstances.
func (c *Cloud) Tagged(ctx context.Context, tags map[string]string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ask := url.Values{"Filter.1.Name": {"instance-state-name"}, "Filter.1.Value.1": {"running"}}
	for key, value := range tags {
		filter := fmt.Sprintf("Filter.%d.", len(ask)/2+1)
		ask.Set(filter+"Name", "tag:"+key)
		ask.Set(filter+"Value.1", value)
	}
	var addrs []string
	for more := true; more; more = ask.Get("NextToken") != "" {
		var page struct {
			Addrs []string `xml:"reservationSet>item>instancesSet>item>privateIpAddress"`
			Next  string   `xml:"nextToken"`
		}
		if err := c.query(ctx, "ec2", ec2Version, "DescribeInstances", ask, &page); err != nil {
			return addrs, fmt.Errorf("list EC2 instances with the tags %v: %w", tags, err)
		}
		addrs = append(addrs, page.Addrs...)
		ask.Set("NextToken", page.Next)
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
	value, err := p.cloud.value(ctx, p.name, false)
	if isFault(err, "ParameterNotFound") {
		return "", nil
	}
	return value, err
}

// Create gives it a value unless it has one already, which is no error.
func (p *Parameter) Create(ctx context.Context, value string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := p.cloud.parameter(ctx, "PutParameter", map[string]any{
		"Name": p.name, "Value": value, "Type": "String", "Overwrite": false,
		"Description": "Written once by an underlay cluster. Do not change.",
	}, &struct{}{})
	if err != nil && !isFault(err, "ParameterAlreadyExists") {
		return fmt.Errorf("write parameter %s: %w", p.name, err)
	}
	return nil
}

// value reads a parameter.
func (c *Cloud) value(ctx context.Context, name string, decrypt bool) (string, error) {
	var got struct{ Parameter struct{ Value string } }
	if err := c.parameter(ctx, "GetParameter", map[string]any{"Name": name, "WithDecryption": decrypt}, &got); err != nil {
		return "", fmt.Errorf("read parameter %s: %w", name, err)
	}
	return got.Parameter.Value, nil
}

// isFault tells whether AWS refused with one of these codes.
func isFault(err error, codes ...string) bool {
	fault, ok := errors.AsType[*Fault](err)
	return ok && slices.Contains(codes, fault.Code)
}

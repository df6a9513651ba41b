package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/underlay/underlay/internal/pause"
)

// The few requests that we make go out by hand, signed by the SDK: its clients of EC2 and CloudFormation would make the program
// twice as large.

const (
	attempts   = 4                      // of a request that AWS was too busy for
	firstPause = 500 * time.Millisecond // before the second one; each further one is twice as long
	maxAnswer  = 16 << 20
)

// Fault is what AWS says of a request that it refused.
type Fault struct {
	Status  int
	Code    string
	Message string
}

// Error returns the fault as one line.
func (f *Fault) Error() string { return fmt.Sprintf("%s (%d): %s", f.Code, f.Status, f.Message) }

// passing tells whether the same request may succeed a little later.
func (f *Fault) passing() bool {
	return f.Status >= 500 || slices.Contains([]string{"RequestLimitExceeded", "Throttling", "ThrottlingException"}, f.Code)
}

// query sends a request of the Query API of a service, and decodes the answer into a struct, or nowhere if that is nil.
func (c *Cloud) query(ctx context.Context, service, version, action string, parameters url.Values, into any) error {
	form := url.Values{"Action": {action}, "Version": {version}}
	for name, values := range parameters {
		form[name] = values
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	answer, err := c.call(ctx, service, header, []byte(form.Encode()), faultOfXML)
	if err != nil || into == nil {
		return err
	}
	return xml.Unmarshal(answer, into)
}

// parameter sends a request of the API of Systems Manager.
func (c *Cloud) parameter(ctx context.Context, action string, in, into any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonSSM." + action}}
	answer, err := c.call(ctx, "ssm", header, body, faultOfJSON)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// call sends a request until AWS has the time for it, and returns the body of the answer.
func (c *Cloud) call(ctx context.Context, service string, header http.Header, body []byte, fault func(int, []byte) *Fault) ([]byte, error) {
	wait := firstPause
	for attempt := 1; ; attempt++ {
		status, answer, err := c.send(ctx, service, header, body)
		again := true
		if err == nil && status != http.StatusOK {
			f := fault(status, answer)
			err, again = f, f.passing()
		}
		if err == nil || !again || attempt == attempts || !pause.For(ctx, wait) {
			return answer, err
		}
		wait *= 2
	}
}

func (c *Cloud) send(ctx context.Context, service string, header http.Header, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint(service), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header.Clone()
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("find credentials for AWS: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), service, c.region, time.Now()); err != nil {
		return 0, nil, fmt.Errorf("sign the request: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, answer, err
}

// endpoint is where a service is asked.
func (c *Cloud) endpoint(service string) string {
	if c.at != "" {
		return c.at
	}
	domain := "amazonaws.com"
	if strings.HasPrefix(c.region, "cn-") {
		domain += ".cn"
	}
	return "https://" + service + "." + c.region + "." + domain
}

func faultOfXML(status int, answer []byte) *Fault {
	type said struct{ Code, Message string }
	var both struct {
		EC2    []said `xml:"Errors>Error"`
		Others []said `xml:"Error"`
	}
	f := &Fault{Status: status, Code: "Unknown", Message: string(answer[:min(len(answer), 1<<10)])}
	if xml.Unmarshal(answer, &both) == nil {
		for _, s := range slices.Concat(both.EC2, both.Others) {
			f.Code, f.Message = s.Code, s.Message
		}
	}
	return f
}

func faultOfJSON(status int, answer []byte) *Fault {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	f := &Fault{Status: status, Code: "Unknown", Message: string(answer[:min(len(answer), 1<<10)])}
	if json.Unmarshal(answer, &said) == nil && said.Type != "" {
		f.Code, f.Message = said.Type[strings.LastIndexByte(said.Type, '#')+1:], said.Message
	}
	return f
}

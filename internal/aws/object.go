package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// unsigned stands in a signature for a body that is protected by TLS alone.
const unsigned = "UNSIGNED-PAYLOAD"

// Put stores a file, of up to 5 GB, as an object s3://BUCKET/KEY. It needs s3:PutObject, and blocks until the object is stored
// or ctx ends.
func (c *Cloud) Put(ctx context.Context, file, object string) error {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(object, "s3://"), "/")
	if !ok || bucket == "" || key == "" || !strings.HasPrefix(object, "s3://") {
		return fmt.Errorf("%s is not of the form s3://BUCKET/KEY", object)
	}
	body, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("store %s: %w", file, err)
	}
	defer body.Close()
	info, err := body.Stat()
	if err != nil {
		return fmt.Errorf("store %s: %w", file, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.objectURL(bucket, key), body)
	if err != nil {
		return fmt.Errorf("store %s: %w", object, err)
	}
	req.ContentLength = info.Size()
	if err := c.sign(ctx, req); err != nil {
		return fmt.Errorf("store %s: %w", object, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("store %s: %w", object, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		why, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return errors.Join(fmt.Errorf("store %s: %s: %s", object, res.Status, why), err)
	}
	return nil
}

// objectURL is where S3 has an object; a set endpoint has all buckets below it.
func (c *Cloud) objectURL(bucket, key string) string {
	if c.at != "" {
		return c.at + (&url.URL{Path: "/" + bucket + "/" + key}).EscapedPath()
	}
	return (&url.URL{Scheme: "https", Host: bucket + ".s3." + c.region + ".amazonaws.com", Path: "/" + key}).String()
}

// sign proves to S3 who makes a request.
func (c *Cloud) sign(ctx context.Context, req *http.Request) error {
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("find credentials for AWS: %w", err)
	}
	req.Header.Set("X-Amz-Content-Sha256", unsigned)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(ctx, credentials, req, unsigned, "s3", c.region, time.Now()); err != nil {
		return fmt.Errorf("sign the request: %w", err)
	}
	return nil
}

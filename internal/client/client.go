// Package client talks to the private APIs of a peer: the cluster REST API, and what this program adds to it.
//
// Lists come as streams and are handed on item by item, so that their length does not matter. Start reading at [Client].
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say where the API is and who asks.
type Options struct {
	// URL of the API, for example http://127.0.0.1:9095.
	URL string
	// Token is sent as a bearer token. User and Password are sent as basic authorization if there is no token.
	Token, User, Password string
	// TLS concerns an API that speaks https.
	TLS TLS
	// ConnectTimeout bounds the wait for a connection; 0 means ten seconds.
	ConnectTimeout time.Duration
}

// Client asks one peer, or whichever one a load balancer chooses. It may be used concurrently.
type Client struct {
	base *url.URL
	o    Options
	http *http.Client
}

// errURL says what is wrong with the address of an API.
var errURL = errors.New("the address of an API looks like http://host:port")

// New checks the options; it does not connect.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(o.URL, "/"))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", o.URL, errURL)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, fmt.Errorf("%q: %w", o.URL, errURL)
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	secured, err := o.TLS.config()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig:     secured,
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: o.ConnectTimeout}).DialContext,
		TLSHandshakeTimeout: o.ConnectTimeout,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     time.Minute,
	}
	return &Client{base: base, o: o, http: &http.Client{Transport: transport}}, nil
}

// URL is where the client asks.
func (c *Client) URL() string { return c.base.String() }

// Close ends the connections that wait for further requests.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request makes a request for a path that is escaped already.
func (c *Client) request(ctx context.Context, method, path string, query url.Values) (*http.Request, error) {
	target := c.base.String() + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	switch {
	case c.o.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.o.Token)
	case c.o.User != "":
		req.SetBasicAuth(c.o.User, c.o.Password)
	}
	return req, nil
}

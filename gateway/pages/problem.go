package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// missingTimeout is how long a page may take to find the part of a path that is missing. What it reads was read a moment ago.
const missingTimeout = 2 * time.Second

// problem is an error in words. As JSON it is a problem document (RFC 9457).
type problem struct {
	Title     string `json:"title"`
	Status    int    `json:"status"`
	What      string `json:"detail"`
	Try       []step `json:"try,omitempty"`
	Detail    string `json:"message,omitempty"` // what the handler said
	RequestID string `json:"request_id,omitempty"`
}

// step is something that a person can do.
type step struct {
	Text string `json:"text"`
	Link *link  `json:"link,omitempty"`
}

type link struct {
	URL  string `json:"url"`
	Name string `json:"name"`
	Away bool   `json:"-"` // it leads to another host
}

// StatusText is the short name of the status.
func (p problem) StatusText() string { return http.StatusText(p.Status) }

// text begins with what the handler said, as programs know it.
func (p problem) text() string {
	var b strings.Builder
	if p.Detail != "" {
		fmt.Fprintf(&b, "%s\n\n", p.Detail)
	}
	fmt.Fprintf(&b, "%d %s: %s. %s\n", p.Status, p.StatusText(), p.Title, p.What)
	for _, s := range p.Try {
		if s.Link == nil {
			fmt.Fprintf(&b, "- %s\n", s.Text)
		} else {
			fmt.Fprintf(&b, "- %s %s\n", s.Text, s.Link.URL)
		}
	}
	if p.RequestID != "" {
		fmt.Fprintf(&b, "Request number %s\n", p.RequestID)
	}
	return b.String()
}

func do(text string) step { return step{Text: text} }

// explain finds the words for an error. It looks for the part of a path that is missing only if thorough.
func (p *Pages) explain(r *http.Request, h http.Header, status int, message string, thorough bool) problem {
	out := problem{Status: status, Detail: message}
	switch status {
	case http.StatusBadRequest:
		out.Title, out.What = "This address is not complete or not correct", "The gateway cannot tell which content is meant."
		out.Try = []step{do("Compare the address with the original: a CID is one long word, and a single wrong or missing character makes another one.")}
	case http.StatusForbidden, http.StatusGone, http.StatusUnavailableForLegalReasons:
		p.explainRefusal(&out)
	case http.StatusNotFound:
		p.explainMissing(&out, r, h.Get("X-Ipfs-Path"), thorough)
	case http.StatusMethodNotAllowed:
		out.Title, out.What = "This gateway can only be read", "Nothing can be added, changed or removed here."
	case http.StatusNotAcceptable:
		out.Title, out.What = "Not available in this form", "The gateway has the content, but does not give it out in the form that was asked for."
		out.Try = []step{do("Ask for blocks that you can verify yourself: add ?format=raw or ?format=car to the address.")}
	case http.StatusPreconditionFailed:
		out.Title, out.What = "Not in this gateway's store", "It was asked for content only if it need not be fetched first, and does not have it."
		out.Try = []step{do("Ask again without “Cache-Control: only-if-cached”.")}
	case http.StatusRequestedRangeNotSatisfiable:
		out.Title, out.What = "There is no such part of this file", "The part that was asked for lies behind the file's end."
	case http.StatusTooManyRequests:
		out.Title, out.What = "Too many requests", "The gateway has more to do at the moment than it takes on."
		out.Try = []step{do("Try again " + after(h) + ".")}
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		out.Title, out.What = "Not available at the moment", "The gateway cannot answer this now."
		out.Try = []step{do("Try again " + after(h) + ".")}
	case http.StatusGatewayTimeout:
		p.explainTimeout(&out, r)
	case http.StatusInternalServerError:
		out.Title, out.What = "Something went wrong here", "It is not your fault: the gateway failed."
		out.Try = []step{do("Try again."), do("If it happens again, tell who runs this gateway the request's number below.")}
	default:
		out.Title, out.What = "This did not work", "The gateway does not serve this request."
	}
	return out
}

func (p *Pages) explainRefusal(out *problem) {
	out.Title, out.What = "This gateway does not serve this content", "Who runs it has decided so, or has set a limit that the content exceeds."
	if out.Status == http.StatusUnavailableForLegalReasons {
		out.What = "Who runs it is not allowed to."
	}
	out.Try = []step{do("If you think that this is a mistake, tell who runs this gateway.")}
}

// explainMissing tells the part of a path that is missing from content that is not there at all.
func (p *Pages) explainMissing(out *problem, r *http.Request, path string, thorough bool) {
	if path == "" {
		out.Title, out.What = "There is nothing at this address", "Content is at /ipfs/CID and /ipns/NAME, with or without a path behind."
		out.Try = []step{{Text: "See", Link: &link{URL: "/", Name: "what this gateway serves"}}}
		return
	}
	if thorough {
		ctx, cancel := context.WithTimeout(r.Context(), missingTimeout)
		defer cancel()
		if name, parts := p.Content.Missing(ctx, path); parts > 0 {
			out.Title, out.What = "There is no “"+name+"” here", within(path, parts)+" exists, and has nothing by that name."
			out.Try = []step{
				do("Check the spelling. Capital and small letters are different."),
				{Text: "Look at", Link: &link{URL: above(r, parts), Name: "what there is"}},
			}
			return
		}
	}
	out.Title, out.What = "This content is not here", "No part of this gateway has it, or the path leads nowhere."
	out.Try = []step{do("Check the address."), do("Ask another gateway: this one may serve only what its owners keep.")}
}

func (p *Pages) explainTimeout(out *problem, r *http.Request) {
	out.Title, out.What = "The content was not found in time", "Nobody who has it could be found, or who was found sends nothing. It may still exist."
	out.Try = []step{
		do("Try again in a few minutes: those who have it may be away for now."),
		do("If it is yours, see that your node runs, can be reached from outside and announces the content."),
	}
	if root := rootOf(r); p.Diagnostics != "" && root != "" {
		out.Try = append(out.Try, step{Text: "Let this service find out who has it:", Link: &link{
			URL: strings.TrimSuffix(p.Diagnostics, "/") + "/?cid=" + url.QueryEscape(root), Name: hostOf(p.Diagnostics), Away: true,
		}})
	}
}

// after tells in words when to come back.
func after(h http.Header) string {
	switch seconds := h.Get("Retry-After"); seconds {
	case "":
		return "a little later"
	case "1":
		return "in a second"
	default:
		return "in " + seconds + " seconds"
	}
}

// within is the part of a content path that exists.
func within(path string, missing int) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return "/" + strings.Join(parts[:max(0, len(parts)-missing)], "/")
}

// above is the URL's path of the directory that has no such entry. It is not made from the content's path, of which a host
// name may hold a part.
func above(r *http.Request, missing int) string {
	asked, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return "/"
	}
	parts := strings.Split(strings.Trim(asked.Path, "/"), "/")
	kept := strings.Join(parts[:max(0, len(parts)-missing)], "/")
	if kept == "" {
		return "/"
	}
	return escape("/" + kept + "/")
}

// rootOf is the CID or name that a request is about.
func rootOf(r *http.Request) string {
	parts := strings.SplitN(r.URL.Path, "/", 4)
	if len(parts) < 3 || parts[1] != "ipfs" && parts[1] != "ipns" {
		return ""
	}
	return parts[2]
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return rawURL
	}
	return u.Host
}

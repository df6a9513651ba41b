package uitest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// manyPins is how many pins the list is paged through.
const manyPins = 100_000

// A list of many pins is paged to the end and back by the links that it has, and shows every pin once; what is looked for is found.
func TestPins(t *testing.T) {
	b := browser.Open(t)
	script := axe(t)
	c := itest.Start(t)
	made := 0
	err := c.Peers[0].PinMany(func() (string, bool) {
		made++
		return fmt.Sprintf(`{"cid": %q, "name": "pin %06d", "metadata": {"hundred": "%d"}}`,
			itest.InlineCID(t, fmt.Sprint("many ", made)), made, made/100), made <= manyPins
	})
	if err != nil {
		t.Fatal(err)
	}
	page := c.Peers[1].API + "/ui/pins"

	t.Run("by HTTP", func(t *testing.T) { pagesThrough(t, page) })
	t.Run("by the browser", func(t *testing.T) { pagesByLinks(b.In(t), page) })
	shot{"pins", page, "100\u202f000 pins in the pinset", script}.check(t, b)
	shot{"pins-found", page + "?name=pin+00000&meta=hundred%3D0&state=held", "in all", script}.check(t, b)
	shot{"pins-refused", page + "?cid=nonsense", "there is no CID in", script}.check(t, b)
	t.Run("search", func(t *testing.T) { searches(b.In(t), page) })
}

var pageLinks = regexp.MustCompile(`id="(earlier|later)" rel="\w+" href="([^"]*)"`)

// pagesThrough follows the links of every page to the end, and back to the beginning.
func pagesThrough(t *testing.T, page string) {
	base, _ := url.Parse(page)
	for _, way := range []string{"later", "earlier"} {
		seen, pages := make(map[string]int), 0
		for at := page; ; pages++ {
			page = at
			body := fetchPage(t, at)
			for _, found := range regexp.MustCompile(`id="pin-(\w+)"`).FindAllStringSubmatch(body, -1) {
				seen[found[1]]++
			}
			at = ""
			for _, link := range pageLinks.FindAllStringSubmatch(body, -1) {
				if link[1] == way {
					next, err := base.Parse(strings.ReplaceAll(link[2], "&amp;", "&"))
					if err != nil {
						t.Fatal(err)
					}
					at = next.String()
				}
			}
			if at == "" {
				break
			}
		}
		twice := 0
		for _, times := range seen {
			if times > 1 {
				twice++
			}
		}
		t.Logf("%s: %d pages", way, pages+1)
		if len(seen) != manyPins || twice > 0 || pages < manyPins/100 {
			t.Errorf("%s: %d pages show %d pins, %d of them more than once", way, pages+1, len(seen), twice)
		}
	}
}

func fetchPage(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body strings.Builder
	if err := resp.Write(&body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", url, resp.StatusCode, err)
	}
	return body.String()
}

// rows are the CIDs that the page in the browser lists.
const rows = "[...document.querySelectorAll('#pins tbody tr')].map(r => r.id).join(' ')"

// pagesByLinks goes some pages on, and back, as people do.
func pagesByLinks(b *browser.Tab, page string) {
	b.Goto(page, 1280, "light")
	seen := []string{browser.Evaluate[string](b, rows)}
	follow := func(link string) string {
		before := browser.Evaluate[string](b, "location.href")
		b.Click(link)
		now := ""
		itest.Eventually(b.T, time.Minute, func() error {
			if now = browser.Evaluate[string](b, "document.readyState == 'complete' ? location.href : ''"); now == "" || now == before {
				return fmt.Errorf("still at %s", before)
			}
			return nil
		})
		return browser.Evaluate[string](b, rows)
	}
	for range 4 {
		seen = append(seen, follow("#later"))
	}
	for n := len(seen) - 2; n >= 0; n-- {
		if got := follow("#earlier"); got != seen[n] || n > 0 && got == seen[n-1] || len(strings.Fields(got)) != 50 {
			b.T.Errorf("page %d on the way back is %q, want %q", n, got, seen[n])
		}
	}
	b.NoFaults()
}

// searches fills in the form.
func searches(b *browser.Tab, page string) {
	b.Goto(page, 1280, "light")
	b.Type("#name", "pin 00012")
	b.Type("#meta", "hundred=1\r")
	says(b, live, "nav.pager", "10 in all")
	b.Goto(page+"?state=error", 1280, "light")
	says(b, live, "#live", "There are no such pins")
	cid := itest.InlineCID(b.T, "many 4711")
	b.Goto(page, 1280, "light")
	b.Type("#cid", "https://gateway.example/ipfs/"+cid+"/x\r")
	says(b, live, ".facts", "pin 004711")
	says(b, live, "#summary", "held by 3 of 3 peers")
	b.NoFaults()
}

// A pin whose block is nowhere waits, as its page shows, until the block appears. It is changed and removed there.
func TestPin(t *testing.T) {
	b := browser.Open(t)
	script := axe(t)
	c := itest.Start(t)
	content := []byte("a block that comes late")
	late, err := c.Peers[0].PutBlock(content)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers[0].RPC("block/rm", late); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers[1].Do(http.MethodPost, "/pins/"+late+"?name=late&meta-where=nowhere"); err != nil {
		t.Fatal(err)
	}
	page := c.Peers[2].API + "/ui/pins/" + late

	t.Run("progress", func(t *testing.T) {
		b := b.In(t)
		b.Goto(c.Peers[2].API+"/ui/pins?state=fetching", 1280, "light")
		says(b, live, "#pins", late)
		shot{"pin-fetching", page, "0 of 3 peers", script}.check(t, b)
		b.Goto(page, 1280, "light")
		says(b, live, "#summary", "being fetched")
		says(b, live, "tbody", "0 blocks")
		b.Click("#recover")
		says(b, live, ".notice.fine", "The peers were asked to try again")
		if _, err := c.Peers[0].PutBlock(content); err != nil {
			t.Fatal(err)
		}
		says(b, time.Minute, "#summary", "held by 3 of 3 peers")
		says(b, live, ".facts", fmt.Sprintf("%d B", len(content)))
		b.NoFaults()
	})
	shot{"pin", page, "Pin it otherwise", script}.check(t, b)
	t.Run("change", func(t *testing.T) { repins(b.In(t), c, page, late) })
	t.Run("change of an old page", func(t *testing.T) { keepsOthersChange(b.In(t), c, page, late) })
	t.Run("unpin", func(t *testing.T) { unpins(t, b.In(t), c, page, late, script) })
}

// fill puts a text into a field, in place of what it has.
func fill(b *browser.Tab, selector, text string) {
	b.T.Helper()
	browser.Evaluate[string](b, fmt.Sprintf("document.querySelector(%q).value = %q", selector, text))
}

// repins gives the pin another name and fewer holders, without scripts.
func repins(b *browser.Tab, c *itest.Cluster, page, cid string) {
	b.NoScripts()
	b.Goto(page, 1280, "light")
	fill(b, "#name", "moved")
	fill(b, "#min", "3")
	fill(b, "#max", "2")
	b.Click("form[aria-labelledby=change] button")
	says(b, live, "#fault", "replication-min 3 is larger than replication-max 2")
	b.Shoot("console-pin-refused")
	fill(b, "#min", "1")
	b.Click("form[aria-labelledby=change] button")
	says(b, live, ".notice.fine", "The pin was changed.")
	says(b, live, ".facts", "moved")
	says(b, live, ".facts", "1 to 2 peers")
	pin, err := c.Peers[0].Allocation(cid)
	if err != nil || pin.Name != "moved" || pin.ReplicationFactorMin != 1 || pin.ReplicationFactorMax != 2 || pin.Metadata["where"] != "nowhere" {
		b.T.Errorf("the pin is %+v, %v", pin, err)
	}
}

// keepsOthersChange sends the form of a page that is older than what somebody else has done.
func keepsOthersChange(b *browser.Tab, c *itest.Cluster, page, cid string) {
	b.Goto(page, 1280, "light")
	if _, err := c.Peers[0].Do(http.MethodPost, "/pins/"+cid+"?name=by+another"); err != nil {
		b.T.Fatal(err)
	}
	says(b, live, ".facts", "by another")
	fill(b, "#name", "mine")
	b.Click("form[aria-labelledby=change] button")
	says(b, live, "#fault", "Somebody else has changed this pin")
	if typed := browser.Evaluate[string](b, "document.querySelector('#name').value"); typed != "mine" {
		b.T.Errorf("the form has %q", typed)
	}
	if pin, err := c.Peers[1].Allocation(cid); err != nil || pin.Name != "by another" {
		b.T.Errorf("the pin is %+v, %v", pin, err)
	}
	b.Click("form[aria-labelledby=change] button")
	says(b, live, ".notice.fine", "The pin was changed.")
	if pin, err := c.Peers[1].Allocation(cid); err != nil || pin.Name != "mine" {
		b.T.Errorf("the pin is %+v, %v", pin, err)
	}
}

// unpins removes the pin after a question.
func unpins(t *testing.T, b *browser.Tab, c *itest.Cluster, page, cid, script string) {
	shot{"unpin", page + "/unpin", "Do you want to remove", script}.check(t, b)
	b.Goto(page, 1280, "light")
	b.Click("#unpin")
	says(b, live, "main", "Do you want to remove this pin")
	if _, err := c.Peers[0].Allocation(cid); err != nil {
		b.T.Errorf("it is gone before the answer: %v", err)
	}
	b.Click("button#unpin")
	says(b, live, ".notice.fine", "The pin was removed.")
	for _, p := range c.Peers {
		if _, err := p.Allocation(cid); err == nil || !strings.Contains(err.Error(), "404") {
			b.T.Errorf("%s still has the pin: %v", p.Name, err)
		}
	}
}

// Who may only read sees all and is offered nothing, and gets nothing by asking for it; a wrong credential sees nothing.
func TestPinsForReaders(t *testing.T) {
	c := itest.Start(t)
	_, admin, err := c.Peers[0].MakeToken("administrator", `"admin"`)
	if err != nil {
		t.Fatal(err)
	}
	c.As(admin)
	_, reader, err := c.Peers[0].MakeToken("viewer", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	_, pinner, err := c.Peers[0].MakeToken("pinner", `"pin"`)
	if err != nil {
		t.Fatal(err)
	}
	cid := itest.InlineCID(t, "to be looked at")
	if _, err := c.Peers[0].Do(http.MethodPost, "/pins/"+cid); err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	page := c.Peers[1].API + "/ui/pins/" + cid
	for _, who := range []struct {
		name, token     string
		offered         int64
		refused, answer int // the status of actions with nothing in their form
	}{
		{"a wrong credential", "wrong", 0, http.StatusUnauthorized, http.StatusUnauthorized}, {"a reader", reader, 0, http.StatusForbidden, http.StatusForbidden},
		{"one who may pin", pinner, 3, http.StatusBadRequest, http.StatusSeeOther},
	} {
		t.Run(who.name, func(t *testing.T) {
			b := browser.Open(t) // it remembers who has signed in
			b.SignIn("anybody", who.token)
			b.Goto(page, 1280, "light")
			text := browser.Evaluate[string](b, "document.body.innerText")
			if sees := strings.Contains(text, cid); sees != (who.token != "wrong") {
				t.Errorf("the page says %q", text)
			}
			if offered := browser.Evaluate[int64](b, "document.querySelectorAll('main form, #unpin').length"); offered != who.offered {
				t.Errorf("there are %d actions, want %d", offered, who.offered)
			}
			for action, want := range map[string]int{"": who.refused, "/unpin": who.refused, "/recover": who.answer} {
				if status := tryAction(t, page+action, who.token); status != want {
					t.Errorf("POST %q: %d, want %d", action, status, want)
				}
			}
		})
	}
}

// tryAction sends an empty form with a token.
func tryAction(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("anybody", token)
	resp, err := http.DefaultTransport.RoundTrip(req) // redirects are answers here
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

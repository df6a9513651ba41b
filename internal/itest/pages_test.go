package itest

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/underlay/underlay/internal/browser"
)

// clip is a film of ten seconds, the first five red and the others blue, with 16 MiB of nothing between the two halves: who
// wants to see the end of it either fetches that or knows how to seek.
//
//go:embed testdata/clip.mp4.gz
var clip []byte

// What people see, in a real browser, through the gateways of a cluster.
func TestPagesInABrowser(t *testing.T) {
	b := browser.Open(t)
	c := Start(t)
	film, err := gunzip(clip)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := c.Peers[0].AddTree(map[string][]byte{
		"docs/a note.txt": []byte("a note\n"), "docs/ą ę.txt": []byte("letters\n"), "docs/50% #1?.txt": []byte("signs\n"),
		"docs/a picture that somebody has given a name which is much too long for a narrow screen.png": picture(),
		"docs/film.mp4": film, "docs/deep/er": []byte("x"), "picture.png": picture(),
		"player.html": []byte(`<!DOCTYPE html><video src="docs/film.mp4" muted preload="metadata" width="320"></video>`),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(tree)
	data, err := c.Peers[0].Upload("dag/put?store-codec=dag-json&pin=true", []byte(`{"title": "a piece of data", "numbers": [1, 2.5], "tree": {"/": "`+tree+`"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var put struct{ Cid map[string]string }
	if err := json.Unmarshal(data, &put); err != nil {
		t.Fatal(err)
	}
	c.Acked(put.Cid["/"])
	gateway, byName := c.Peers[1].Gateway, strings.Replace(c.Peers[2].Gateway, "127.0.0.1", "localhost", 1)
	listing := gateway + "/ipfs/" + tree + "/docs/"

	for _, page := range []struct {
		name, url, want string
		status          int64
	}{
		{"landing", gateway + "/", "underlay gateway", 200},
		{"landing-by-name", byName + "/", "underlay gateway", 200},
		{"listing", listing, "Index of", 200},
		{"data", gateway + "/ipfs/" + put.Cid["/"] + "/", "a piece of data", 200},
		{"missing", listing + "film.mpeg", "There is no “film.mpeg” here", 404},
		{"no-cid", gateway + "/ipfs/bafybroken", "not complete or not correct", 400},
		{"nothing", gateway + "/nothing", "nothing at this address", 404},
	} {
		for _, width := range []int64{400, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%d-%s", page.name, width, scheme)
				t.Run(name, func(t *testing.T) {
					checkPage(b.In(t), page.url, page.want, page.status, width, scheme, name)
				})
			}
		}
	}
	t.Run("keyboard", func(t *testing.T) { useKeyboard(b.In(t), listing) })
	t.Run("image", func(t *testing.T) { showImage(b.In(t), gateway+"/ipfs/"+tree+"/picture.png") })
	t.Run("video", func(t *testing.T) { seekInFilm(b.In(t), gateway+"/ipfs/"+tree+"/player.html") })
	t.Run("websites", func(t *testing.T) { isolateSites(b.In(t), c, byName) })
}

// checkPage looks at a page of ours: it says what it should, fits the window, can be read, and needs nobody else.
func checkPage(b *browser.Tab, url, want string, status, width int64, scheme, name string) {
	b.Goto(url, width, scheme)
	b.Shoot(name)
	if got := b.StatusOf(strings.TrimPrefix(url, "http://")); got != status {
		b.T.Errorf("status %d, want %d", got, status)
	}
	if text := browser.Evaluate[string](b, "document.body.innerText"); !strings.Contains(text, want) {
		b.T.Errorf("the page says %q, want %q", text, want)
	}
	if needs := browser.Evaluate[int64](b, "document.documentElement.scrollWidth"); needs > width {
		b.T.Errorf("it is %d pixels wide", needs)
	}
	if contrast := b.LeastContrast(); contrast < 4.5 {
		b.T.Errorf("the contrast is %.1f, below 4.5", contrast)
	}
	paper := browser.Evaluate[string](b, "getComputedStyle(document.body).backgroundColor")
	if isWhite := paper == "rgb(255, 255, 255)"; isWhite != (scheme == "light") {
		b.T.Errorf("on a %s screen the paper is %s", scheme, paper)
	}
	b.OnlyAsked(url)
}

// useKeyboard goes through a listing without a mouse: each link is reached, can be seen, and opens.
func useKeyboard(b *browser.Tab, listing string) {
	b.Goto(listing, 1280, "light")
	links := browser.Evaluate[[]string](b, "[...document.links].map(l => l.href)")
	for _, want := range links {
		b.Do(chromedp.KeyEvent("\t"))
		if got := browser.Evaluate[string](b, "document.activeElement.href || ''"); got != want {
			b.T.Fatalf("the next link is %q, want %q", got, want)
		}
		if outline := browser.Evaluate[string](b, "getComputedStyle(document.activeElement).outlineStyle"); outline != "solid" {
			b.T.Fatalf("%s has the outline %q", want, outline)
		}
	}
	note := browser.Evaluate[string](b, `(() => { const l = [...document.links].find(l => l.textContent == 'a note.txt'); l.focus(); return l.href })()`)
	b.Press("\r")
	if at := browser.Evaluate[string](b, "location.href"); at != note {
		b.T.Errorf("opened %s, want %s", at, note)
	}
}

func showImage(b *browser.Tab, url string) {
	b.Goto(url, 1280, "light")
	b.Shoot("image")
	if size := browser.Evaluate[[]int](b, "[document.images[0].naturalWidth, document.images[0].naturalHeight]"); size[0] != 300 || size[1] != 200 {
		b.T.Errorf("the picture is %v pixels", size)
	}
	if kind := browser.Evaluate[string](b, "document.contentType"); kind != "image/png" {
		b.T.Errorf("its type is %s", kind)
	}
}

// colourAt is the colour of the film at a time.
const colourAt = `(async at => {
	const film = document.querySelector('video')
	const until = name => new Promise((done, failed) => {
		film.addEventListener(name, done, {once: true}); film.addEventListener('error', () => failed(film.error), {once: true}) })
	if (film.readyState < 1) await until('loadedmetadata')
	const there = until('seeked'); film.currentTime = at; await there
	const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}), ink = canvas.getContext('2d')
	ink.drawImage(film, 0, 0, 1, 1)
	return [...ink.getImageData(0, 0, 1, 1).data]
})(%d)`

// seekInFilm plays the end before the beginning, and does not fetch what is between.
func seekInFilm(b *browser.Tab, url string) {
	b.Goto(url, 1280, "light")
	late := browser.Evaluate[[]int](b, fmt.Sprintf(colourAt, 8))
	b.Shoot("video")
	early := browser.Evaluate[[]int](b, fmt.Sprintf(colourAt, 2))
	if late[2] < 200 || late[0] > 60 || early[0] < 200 || early[2] > 60 {
		b.T.Errorf("at 2 seconds the film is %v, want red; at 8 seconds %v, want blue", early, late)
	}
	far := false
	for _, part := range b.Parts("/film.mp4") {
		var from, to, size int
		if _, err := fmt.Sscanf(part, "bytes %d-%d/%d", &from, &to, &size); err != nil {
			b.T.Errorf("range %q: %v", part, err)
		}
		far = far || from >= 16<<20
	}
	if !far {
		b.T.Errorf("the end was not asked for by itself: %q", b.Parts("/film.mp4"))
	}
}

// isolateSites opens two websites, each of which has a host name and so a store of its own.
func isolateSites(b *browser.Tab, c *Cluster, gateway string) {
	var hosts []string
	for n, peer := range c.Peers[:2] {
		site, err := peer.AddTree(map[string][]byte{
			"index.html": fmt.Appendf(nil, `<!DOCTYPE html><title>loading</title><link rel="stylesheet" href="/style.css"><h1>Site %d</h1><script src="app.js"></script>`, n),
			"style.css":  []byte("h1 { color: rgb(1, 2, 3) }"),
			"app.js":     fmt.Appendf(nil, `document.title = 'before: ' + localStorage.getItem('who'); localStorage.setItem('who', 'site %d')`, n),
		})
		if err != nil {
			b.T.Fatal(err)
		}
		c.Acked(site)
		b.Goto(gateway+"/ipfs/"+site+"/", 1280, "light")
		b.Shoot(fmt.Sprint("site-", n))
		host := browser.Evaluate[string](b, "location.host")
		if !strings.HasPrefix(host, site+".ipfs.localhost:") {
			b.T.Errorf("the site is at %s", host)
		}
		if title := browser.Evaluate[string](b, "document.title"); title != "before: null" {
			b.T.Errorf("site %d begins with %q", n, title)
		}
		if colour := browser.Evaluate[string](b, "getComputedStyle(document.querySelector('h1')).color"); colour != "rgb(1, 2, 3)" {
			b.T.Errorf("its style is not applied: %s", colour)
		}
		b.OnlyAsked(gateway)
		hosts = append(hosts, host)
	}
	b.Goto("http://"+hosts[0]+"/", 1280, "light")
	if title := browser.Evaluate[string](b, "document.title"); title != "before: site 0" {
		b.T.Errorf("the first site has forgotten: %q", title)
	}
}

func gunzip(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// picture is 300 by 200 pixels.
func picture() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 300, 200))
	for y := range 200 {
		for x := range 300 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), 120, 255})
		}
	}
	var out bytes.Buffer
	_ = png.Encode(&out, img) // into memory
	return out.Bytes()
}

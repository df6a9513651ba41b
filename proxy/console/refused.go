package console

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/underlay/underlay/proxy/access"
)

// refusedPage is what people see who are not let in. It has no style: the files for that are behind the same door.
const refusedPage = `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not let in - underlay</title>
<main><h1>Not let in</h1><p>{{.}}</p><p><a href="` + Root + `">Try again</a></p></main></html>
`

// Dialect refuses requests for pages of the console with a page, and all others as the dialect given does.
func Dialect(others access.Dialect) access.Dialect {
	page := template.Must(template.New("refused").Parse(refusedPage))
	return func(w http.ResponseWriter, r *http.Request, status int, text string) {
		if !strings.HasPrefix(r.URL.Path+"/", Root) {
			others(w, r, status, text)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = page.Execute(w, text) // the browser has gone if this fails
	}
}

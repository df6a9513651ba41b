// Package console is the web console of a peer, for people who look after the cluster: pages under /ui/ of the private listeners.
//
// Pages are made here, as HTML; what is live on them asks for itself anew now and then. They need no other host, no inline script
// and no inline style, and forbid both. Each page is one file of Go and one template of the same name.
//
// Promise: whatever the cluster's users call their pins and files, it is text on a page and nothing else; a page of another site
// changes nothing here. Not promised: who may see a page, which package access decides by the table of its routes.
//
// Start reading at [New].
package console

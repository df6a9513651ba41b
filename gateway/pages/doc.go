// Package pages makes what people see of a gateway besides content: a page that explains what it is, error pages that say
// what happened and what to try, listings of directories, and robots.txt and an icon.
//
// Promise: every page works without scripts, with a keyboard, on a narrow screen, in the dark and in the light; it asks
// nothing of other hosts and a strict content security policy keeps it so; without its entries it is smaller than 20 kB. Who
// does not ask for HTML gets errors as plain text or as application/problem+json.
//
// Not promised: anything about content. The headers of a listing are those of the handler behind it, and so is what comes
// back for a path; only the body is made here.
//
// Start reading at pages.go; problem.go has the words of errors, made.go says which pages are made in place of boxo's.
package pages

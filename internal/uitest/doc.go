// Package uitest looks at the web console of real clusters with a real browser. It has tests only, apart from those of package
// itest so that both can run at the same time.
//
// With UNDERLAY_SCREENSHOTS=DIR the pictures stay in a directory; when a test fails they do in any case.
package uitest

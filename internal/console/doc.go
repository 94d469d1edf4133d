// Package console serves the operator's page at /console, and the story of a row as JSON
// at /admin/generations/{id}, both on the admin address and nowhere else.
//
// The page is off until there is a password, or a proxy that is trusted to say who asks.
// It reads; it changes something only if actions are allowed. It is one file each of HTML,
// CSS and JavaScript, with no inline script or style, so that the Content-Security-Policy
// forbids them. A request that changes something must come from the page itself: the
// cookie is SameSite=Strict, and what a browser says of the origin is checked too.
//
// /admin/generations/{id} takes the same password (HTTP Basic, any user). A program on the
// machine itself needs none: a request from a loopback address to one, for a loopback
// name, as no page of another site can make it, and without the marks of a proxy. Where a
// proxy is configured, its header takes the place of that.
package console

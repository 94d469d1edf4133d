// Package browsertest drives the pages of examples/web and examples/supabase in headless
// Chromium, against a real daemon on a real Postgres. The tests have the build tag browser,
// because they need a browser on the machine: make browser. Those that need Node.js too have
// the tag node.
package browsertest

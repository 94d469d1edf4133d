// Package browsertest drives the page of examples/web in headless Chromium,
// against a real daemon on a real Postgres. The tests have the build tag browser,
// because they need a browser on the machine: make browser.
package browsertest

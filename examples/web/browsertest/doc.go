// Package browsertest drives the page of examples/web in headless Chromium,
// against a real daemon on a real Postgres. Its tests have the build tag browser,
// because they want a browser on the machine: make browser.
package browsertest

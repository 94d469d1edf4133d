// Package arrows has a test alone: which package imports which is said three times,
// by the code, by the rules of depguard in .golangci.yaml and by the table in
// CONTRIBUTING.md, and the three must agree.
package arrows

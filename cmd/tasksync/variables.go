package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// ofOthers matches variables that are set by Kubernetes for a service of the name
// tasksync, and by the tests.
var ofOthers = regexp.MustCompile(`^TASKSYNC_(SERVICE_|PORT$|PORT_|TEST_)`)

// nameUnknown names the variables that begin like ours and that no command reads: a
// setting that is misspelt would not count, silently.
func nameUnknown(model *kong.Application, environ []string, out io.Writer) {
	known := variables(model)
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, generalPrefix) || slices.Contains(known, name) || ofOthers.MatchString(name) {
			continue
		}
		hint := "see tasksync run --help"
		if near := nearest(name, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		fmt.Fprintf(out, "tasksync: warning: variable %s is no setting and has no effect; %s\n", name, hint)
	}
}

// variables returns the variables of all commands, and those of single providers.
func variables(model *kong.Application) []string {
	var names []string
	_ = kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			names = append(names, flag.Envs...)
		}
		return next(nil)
	})
	for _, p := range providerNames() {
		for _, suffix := range providerSettings {
			names = append(names, providerPrefix(p)+suffix)
		}
	}
	return names
}

// nearest returns the known name with the fewest changes between, if they are few.
func nearest(name string, known []string) string {
	best, least := "", 4
	for _, k := range known {
		if n := changes(name, k); n < least {
			best, least = k, n
		}
	}
	return best
}

// changes is the number of letters to add, drop or replace to make b of a.
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

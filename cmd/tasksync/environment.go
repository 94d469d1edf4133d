package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// unsetEmpty has a variable of a flag that is empty count as unset: a composition file's
// ${NAME:-} sets one to "" where nobody has given a value.
func unsetEmpty(model *kong.Application) error {
	return kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			for _, name := range flag.Envs {
				if os.Getenv(name) == "" {
					_ = os.Unsetenv(name) // fails for an empty name only
				}
			}
		}
		return next(nil)
	})
}

// fromVariable names the variable whose value the parser did not accept: where a value
// must be one of several, the parser names the flag alone.
func fromVariable(model *kong.Application, args []string, err error) error {
	name, _, found := strings.Cut(strings.TrimPrefix(err.Error(), "--"), " must be one of ")
	if !found || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--"+name) }) {
		return err
	}
	variable := ""
	_ = kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		flag, ok := node.(*kong.Flag) // several commands have it
		if ok && flag.Name == name && len(flag.Envs) > 0 && os.Getenv(flag.Envs[0]) != "" {
			variable = flag.Envs[0]
		}
		return next(nil)
	})
	if variable == "" {
		return err
	}
	return fmt.Errorf("%s: %w", variable, err)
}

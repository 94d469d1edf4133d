package main

import (
	"os"

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

package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/muesli/roff"
)

// completionCmd is `tasksync completion`.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help implements kong's HelpProvider.
func (completionCmd) Help() string {
	return `For the current shell, and in its init file (~/.bashrc, ~/.zshrc, ~/.config/fish/config.fish) for all:

  source <(tasksync completion bash)
  source <(tasksync completion zsh)
  tasksync completion fish | source`
}

// Run implements kong's command.
func (c completionCmd) Run(kctx *kong.Context) error {
	return (&kongcompletion.Completion{Shell: c.Shell, Code: true}).Run(kctx)
}

// completes answers a shell that asks how to complete a line: the shell sets COMP_LINE.
func completes(parser *kong.Kong) bool {
	if os.Getenv("COMP_LINE") == "" {
		return false
	}
	kongcompletion.Register(parser)
	return true
}

// manCmd is `tasksync man`.
type manCmd struct{}

// Help implements kong's HelpProvider.
func (manCmd) Help() string { return "To read it: tasksync man >tasksync.1 && man ./tasksync.1" }

// Run implements kong's command.
func (manCmd) Run(kctx *kong.Context, std *streams) error {
	_, err := fmt.Fprint(std.out, mangokong.NewManPage(1, kctx.Model).Build(roff.NewDocument()))
	return err
}
